"""``calicoctl``: what a person types, turned into calls of ``calico.client``, and the answers printed.

    grammar    usage lines that are both the help text and the rules of matching (:mod:`calico.cli.grammar`)
    command    a word behind ``calicoctl``: one module each, imported only when that word is typed
    session    what a command has of the world: streams, environment, datastore (:mod:`calico.cli.session`)
    output     tables, paragraphs, lines and errors as people read them (:mod:`calico.cli.output`)
    main       picks the command and turns every outcome into an exit code (:mod:`calico.cli.main`)

Exit codes: 0 exactly when the state asked for holds afterwards, 2 when the command needs root, 1 for all other
failures, 130 when the person interrupts, 141 when the reader of our output went away. Answers go to standard
output, failures as one line to standard error.
"""
