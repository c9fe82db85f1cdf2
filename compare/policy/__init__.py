"""What is compared, tolerated, accepted and required: the policy file.

Read in this order: ``policy``, ``shape`` (with ``toml_lines``), ``accepted``, ``condition``,
``acceptance``, ``category``; then what people see of it: ``explained``, ``relaxed``, ``schema``,
``command``.
"""
