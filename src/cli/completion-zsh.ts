import type { CompletionVerb, CompletionWord } from './completion-words.ts';

/** For zsh: a file `_coi` in a directory of `fpath`, or to be sourced. @see zshcompsys(1), "_describe" */
export function zshScript(verbs: readonly CompletionVerb[]): string {
  const cases = verbs.map(({ word, flags, below }) => {
    return `    ${word}) choices=(${[...below, ...flags].map(described).join(' ')}) ;;`;
  });
  return `#compdef coi claude-on-incus
# zsh completion for coi. To use it: source <(coi completion zsh)
_coi() {
  local -a typed choices
  local verb= each
  typed=("\${(@)words[2,CURRENT-1]}")
  for each in $typed; do
    if [[ $each != -* ]]; then verb=$each; break; fi
  done
  case $verb in
${cases.join('\n')}
    *) choices=(${verbs.map(described).join(' ')}) ;;
  esac
  _describe 'coi' choices || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _coi "$@"; else compdef _coi coi claude-on-incus; fi
`;
}

function described({ word, about }: CompletionWord): string {
  return `'${`${word.replaceAll(':', String.raw`\:`)}:${about}`.replaceAll("'", String.raw`'\''`)}'`;
}
