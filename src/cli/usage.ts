import { Problem } from '../base/problem.ts';
import { nearest } from '../spec/nearest.ts';

/** A command line that makes no sense; its exit code depends on the command. */
export class UsageProblem extends Problem {
  /** Where the original documents one for just this. */
  readonly exitCode: number | undefined;

  constructor(message: string, hint: string, exitCode?: number) {
    super({ code: 'cli.usage', message, hint });
    this.exitCode = exitCode;
  }
}

/** A word in the place of a command that is none. */
export function unknownCommand(word: string, known: readonly string[]): UsageProblem {
  return new UsageProblem(`unknown command "${word}"`, withSuggestion(nearest(word, known), 'See: coi --help'));
}

/** A flag that the command does not have. */
export function unknownFlag(flag: string, known: readonly string[], verb?: string): UsageProblem {
  const name = flag.split('=')[0]!;
  return new UsageProblem(`unknown flag: ${name}`, withSuggestion(nearest(name, known), seeHelp(verb)));
}

/** Where to read more. */
export function seeHelp(verb?: string): string {
  return verb === undefined ? 'See: coi --help' : `See: coi ${verb} --help, or coi --help for all commands`;
}

function withSuggestion(suggestion: string | undefined, rest: string): string {
  return suggestion === undefined ? rest : `Did you mean ${suggestion}? ${rest}`;
}
