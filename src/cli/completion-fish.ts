import type { CompletionVerb } from './completion-words.ts';

/** For fish, to be sourced. @see complete(1) of fish */
export function fishScript(verbs: readonly CompletionVerb[]): string {
  const lines = verbs.flatMap(({ word, about, flags, below }) => [
    `complete -c coi -f -n __fish_use_subcommand -a ${word} -d ${quoted(about)}`,
    ...below.map(
      (each) => `complete -c coi -f -n '__fish_seen_subcommand_from ${word}' -a ${each.word} -d ${quoted(each.about)}`,
    ),
    ...flags.map(
      (each) =>
        `complete -c coi -n '__fish_seen_subcommand_from ${word}' -l ${each.word.slice(2)} -d ${quoted(each.about)}`,
    ),
  ]);
  return `${['# fish completion for coi. To use it: coi completion fish | source', ...lines, 'complete -c claude-on-incus -w coi'].join('\n')}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
