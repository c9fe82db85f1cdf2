"""Which person an id stands for: events in -> events under the person's own id.

Reading order: ``store`` (what a store of aliases promises), ``memory`` (the reference), ``sqlite``
(the real one), ``cache`` (in front of it), ``reading`` (what an event says about ids), ``spans``
(where in its bytes), ``stage`` (the whole).
"""
