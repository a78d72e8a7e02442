"""``calicoctl completion``: the script by which a shell asks ``calicoctl`` for candidates."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session

_BASH = """\
_calicoctl() {
    local IFS=$'\\n' line=${COMP_LINE:0:COMP_POINT} word
    local -a words
    # Bash takes words apart at = and :, calicoctl does not.
    IFS=' ' read -ra words <<<"$line"
    [[ $line == *' ' ]] && words+=('')
    word=${words[-1]}
    COMPREPLY=($(calicoctl __complete "${words[@]:1}" 2>/dev/null))
    if [[ $word == *[=:]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[=:]}"}"}")
    fi
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
    return 0
}
complete -F _calicoctl calicoctl
"""

_ZSH = """\
#compdef calicoctl
_calicoctl() {
    local -a candidates
    candidates=("${(@f)$(calicoctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -S '' -- "${(@M)candidates:#*=}"
    compadd -- "${(@)candidates:#*=}"
}
compdef _calicoctl calicoctl
"""


def script(found: Match, session: Session) -> int:
    """Print the script of one shell."""
    session.out.text({"bash": _BASH, "zsh": _ZSH}[found.choices[0]])
    return 0


USAGES = {"completion (bash|zsh)": script}

NOTES = """\
For the shell that runs now, and for every later one:
  source <(calicoctl completion bash)
  calicoctl completion bash > /etc/bash_completion.d/calicoctl
  calicoctl completion zsh > "${fpath[1]}/_calicoctl"
"""
