"""What a cutover needs of the judge: reports as proofs, and runs watched while they grow.

``watch`` (a growing run, judged) · ``proof`` (a report, verified) · ``asking`` (words to objects,
errors to messages) · ``command`` (`mixmigrate cutover`). The stages themselves are in
``shadow/cutover``, which knows nothing of judging.
"""
