import { formOf } from './normalise-argv.ts';
import { helpFlag } from './parse-argv.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

/** A word that can come next. */
export interface CompletionWord {
  readonly word: string;
  readonly about: string;
}

/** A command and what can follow it. */
export interface CompletionVerb extends CompletionWord {
  readonly flags: readonly CompletionWord[];
  /** Commands below it, by their last words. */
  readonly below: readonly CompletionWord[];
}

/** What can be completed: first words, and what follows each of them. */
export function completionWords(verbs: readonly VerbSpec[]): readonly CompletionVerb[] {
  const firsts = [...new Set(verbs.map(({ name }) => firstWord(name)))];
  return firsts.map((word) => {
    const own = verbs.filter(({ name }) => firstWord(name) === word);
    const whole = own.find(({ name }) => name === word);
    const below = own.filter(({ name }) => name !== word);
    const flags = new Map([...own.flatMap((each) => each.flags), helpFlag].map((flag) => [flagWord(flag), flag.about]));
    return {
      word,
      about: whole?.about ?? below.map(({ name }) => name).join(', '),
      flags: [...flags].map(([flag, about]) => ({ word: flag, about })),
      below: below.map(({ name, about }) => ({ word: name.slice(word.length + 1), about })),
    };
  });
}

function firstWord(name: string): string {
  return name.split(' ')[0]!;
}

function flagWord(flag: FlagSpec): string {
  const { long, negated } = formOf(flag);
  return negated ? `--no-${long}` : `--${long}`;
}
