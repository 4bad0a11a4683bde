import type { Io } from './io.ts';

/** What a command was called with. */
export interface Call {
  readonly io: Io;
  /** Words that are no flags. */
  readonly args: readonly string[];
  /** Flags by their long names in camel case; those that were not given are left out. */
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Carry out a command.
 *
 * @returns the exit code
 * @throws {Problem} what went wrong, to be shown on stderr
 */
export type Verb = (call: Call) => Promise<number>;

/** A flag. */
export interface FlagSpec {
  /** As commander and help have it: `-f, --file <path>`; a value in brackets can only be given with `=`. */
  readonly flags: string;
  readonly about: string;
  /** Whether it may be given several times; its value is then a list. */
  readonly repeatable?: boolean;
  readonly choices?: readonly string[];
  /** For a value in brackets: words that are taken for it also where they follow without `=`. */
  readonly follows?: RegExp;
  /** Value from its text. @throws {Problem} `cli.usage` when it is none */
  readonly parse?: (text: string) => unknown;
}

/** A command as help shows it and argv is read by. */
export interface VerbSpec {
  /** One word, or two for a command below another. */
  readonly name: string;
  /** Its words as help has them; `[…]` may be left out, `...` may be several. */
  readonly args: string;
  readonly about: string;
  /** More about it, for its own help. */
  readonly detail?: string;
  /** Command line that can be run as it stands. */
  readonly example: string;
  readonly flags: readonly FlagSpec[];
  /** Exit code of a failure, where it is not 1. */
  readonly failureCode?: (options: Call['options']) => number;
  readonly load: () => Promise<Verb>;
}
