"""The rule language and its meaning.

    text      what a person types and reads: ``allow tcp from tag web to ports 80,443`` (:mod:`calico.rules.text`)
    packet    what a rule is held against: the first packet of a connection (:mod:`calico.rules.packet`)
    traffic   a packet but for its ends, as people write it: ``tcp/80`` (:mod:`calico.rules.traffic`)
    decision  what the ordered profiles of an endpoint say to it, and which rule said so
              (:mod:`calico.rules.evaluate`)
    reason    why a rule does not match it, in words (:mod:`calico.rules.reasons`)

There is one evaluator and one numbering of rules (1-based, per profile and direction); tests, simulators,
logs and ``explain`` all draw on them, and the kernel is tested against them.
"""
