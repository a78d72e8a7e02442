"""Benchmarks: ratios of two things measured in one run, on a host in namespaces of its own.

    result     one line of the table: what was measured, what it is compared with, and the ratio of the two
    measure    a module that yields results; it runs inside the host, where calico-node and Docker run
    round      one turn of an alternating measurement: every case once

Absolute numbers belong to the machine and the moment. Ratios within one run are what can be compared.
"""
