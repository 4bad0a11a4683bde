import type { FlagSpec } from './verb.ts';
import { UsageProblem } from './usage.ts';

/** How a flag is written. */
export interface FlagForm {
  readonly long: string;
  readonly short: string | undefined;
  /** `optional`: with `=` only, so that a following word is never swallowed. */
  readonly value: 'none' | 'required' | 'optional';
  /** Whether `--no-LONG` turns it off: it is on unless that is said. */
  readonly negated: boolean;
}

/** What the flags and commands are. */
export interface Known {
  /** Flags that may also stand before the command. */
  readonly globals: readonly FlagSpec[];
  readonly verbs: readonly { readonly name: string; readonly flags: readonly FlagSpec[] }[];
}

/** A command line in which every known flag has one way of being written. */
export interface Normalised {
  /** The words of the command; undefined when the line has none. */
  readonly verb: string | undefined;
  /** What follows it: `--flag`, `--flag=value` and words, in the order given. */
  readonly args: readonly string[];
}

/** What an optional value stands for when it is left out. */
const bareValue = 'auto';

/**
 * Bring a command line into one form: the command first, global flags behind it, `-f FILE` as `--file=FILE`,
 * `--all=true` as `--all`, `--all=false` as nothing, a bare `--resume` as `--resume=auto`. What is not known stays as it
 * is for the parser to report, and so does everything behind `--`.
 *
 * @throws {Problem} `cli.usage` when a switch is given a value that is neither true nor false
 */
export function normaliseArgv(argv: readonly string[], known: Known): Normalised {
  const globals = known.globals.map(formOf);
  const tokens = [...argv];
  const before: string[] = [];
  const takeGlobals = () => {
    while (tokens[0]?.startsWith('-') && takeFlag(tokens, globals, before));
  };
  takeGlobals();
  if (tokens[0] === undefined || tokens[0].startsWith('-')) {
    return { verb: undefined, args: [...before, ...tokens] };
  }
  let verb = tokens.shift()!;
  if (known.verbs.some(({ name }) => name.startsWith(`${verb} `))) {
    takeGlobals();
    if (tokens[0] !== undefined && !tokens[0].startsWith('-')) verb = `${verb} ${tokens.shift()}`;
  }
  const own = known.verbs.find(({ name }) => name === verb)?.flags ?? [];
  return { verb, args: normaliseFlags([...before, ...tokens], [...own.map(formOf), ...globals]) };
}

/** The way a flag is written, from its one-line description. */
export function formOf({ flags }: FlagSpec): FlagForm {
  const [, short, negation, long] = /^(?:-(\w), )?--(no-)?([\w-]+)/.exec(flags)!;
  const value = flags.includes('<') ? 'required' : flags.includes('[') ? 'optional' : 'none';
  return { long: long!, short, value, negated: negation !== undefined };
}

function normaliseFlags(argv: readonly string[], forms: readonly FlagForm[]): string[] {
  const tokens = [...argv];
  const out: string[] = [];
  while (tokens.length > 0) {
    if (tokens[0] === '--') return [...out, ...tokens];
    if (!takeFlag(tokens, forms, out)) out.push(tokens.shift()!);
  }
  return out;
}

/** Move the flag that stands first from `tokens` to `out`. False, and nothing moved, when it is not a known one. */
function takeFlag(tokens: string[], forms: readonly FlagForm[], out: string[]): boolean {
  const token = tokens[0]!;
  const isLong = token.startsWith('--');
  const [, name, rest] = isLong ? /^--([^=]*)(=.*)?$/s.exec(token)! : (/^-([^-=])(.*)$/s.exec(token) ?? []);
  if (name === undefined) return false;
  const form = forms.find(({ long, short, negated }) =>
    isLong ? name === long || (negated && name === `no-${long}`) : name === short,
  );
  if (!form) return false;
  tokens.shift();
  if (isLong && form.negated && name !== form.long) putSwitch(form, !isTrue(form, rest?.slice(1) ?? 'true'), out);
  else put(form, { rest: rest || undefined, isLong }, { tokens, out });
  return true;
}

interface Written {
  /** What follows the flag's name in the same word. */
  readonly rest: string | undefined;
  readonly isLong: boolean;
}

function put(form: FlagForm, { rest, isLong }: Written, { tokens, out }: { tokens: string[]; out: string[] }): void {
  const attached = rest?.startsWith('=') ? rest.slice(1) : undefined;
  if (form.value === 'none') {
    // Behind a one-letter switch may stand more of them: -af FILE.
    if (!isLong && rest !== undefined && attached === undefined) tokens.unshift(`-${rest}`);
    putSwitch(form, isTrue(form, attached ?? 'true'), out);
  } else if (form.value === 'optional') {
    out.push(`--${form.long}=${attached ?? (isLong ? bareValue : (rest ?? bareValue))}`);
  } else {
    const value = attached ?? rest ?? tokens.shift();
    out.push(value === undefined ? `--${form.long}` : `--${form.long}=${value}`);
  }
}

/** The last word about a switch is the one that counts. */
function putSwitch({ long, negated }: FlagForm, on: boolean, out: string[]): void {
  const kept = out.filter((token) => token !== `--${long}` && token !== `--no-${long}`);
  out.splice(0, out.length, ...kept);
  if (on !== negated) out.push(negated ? `--no-${long}` : `--${long}`);
}

function isTrue({ long }: FlagForm, text: string): boolean {
  if (/^(?:true|t|1)$/i.test(text)) return true;
  if (/^(?:false|f|0)$/i.test(text)) return false;
  throw new UsageProblem(`"${text}" is no value for --${long}`, 'Use true or false, or leave the value out');
}
