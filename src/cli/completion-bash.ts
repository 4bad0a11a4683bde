import type { CompletionVerb } from './completion-words.ts';

/** For bash, to be sourced. @see bash(1), "Programmable Completion" */
export function bashScript(verbs: readonly CompletionVerb[]): string {
  const cases = verbs.map(({ word, flags, below }) => {
    const words = [...below, ...flags].map((each) => each.word).join(' ');
    return `    ${word}) words='${words}' ;;`;
  });
  return `# bash completion for coi. To use it: source <(coi completion bash)
_coi() {
  local word=\${COMP_WORDS[COMP_CWORD]} verb= each words
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $each in -*) ;; *) verb=$each; break ;; esac
  done
  case $verb in
${cases.join('\n')}
    *) words='${verbs.map(({ word }) => word).join(' ')}' ;;
  esac
  COMPREPLY=()
  while IFS= read -r each; do COMPREPLY+=("$each"); done < <(compgen -W "$words" -- "$word")
}
complete -o default -F _coi coi claude-on-incus
`;
}
