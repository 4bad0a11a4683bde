import type { FlagSpec } from './verb.ts';

/** How a flag is written. */
export interface FlagForm {
  readonly long: string;
  readonly short: string | undefined;
  /** `optional`: with `=` only, so that a following word is never swallowed. */
  readonly value: 'none' | 'required' | 'optional';
  /** Whether `--no-LONG` turns it off: it is on unless that is said. */
  readonly negated: boolean;
  /** With `optional`: which following words are its value all the same. */
  readonly follows?: RegExp;
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
 * is for the parser to report, as does a switch with a value that is neither true nor false, and everything behind `--`.
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
    const isWhole = known.verbs.some(({ name }) => name === verb);
    const isLonger = known.verbs.some(({ name }) => name === `${verb} ${tokens[0]}`);
    // Where the first word is a command of its own, what follows may be its argument.
    if (tokens[0] !== undefined && !tokens[0].startsWith('-') && (isLonger || !isWhole))
      verb = `${verb} ${tokens.shift()}`;
  }
  const own = known.verbs.find(({ name }) => name === verb)?.flags ?? [];
  return { verb, args: normaliseFlags([...before, ...tokens], [...own.map(formOf), ...globals]) };
}

/** The way a flag is written, from its one-line description. */
export function formOf({ flags, follows }: FlagSpec): FlagForm {
  const [, short, negation, long] = /^(?:-(\w), )?--(no-)?([\w-]+)/.exec(flags)!;
  const value = flags.includes('<') ? 'required' : flags.includes('[') ? 'optional' : 'none';
  return { long: long!, short, value, negated: negation !== undefined, ...(follows && { follows }) };
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
  const use = useOf(tokens[0]!, forms);
  if (!use) return false;
  tokens.shift();
  const { form, isNegation, attached, cluster } = use;
  if (form.value === 'none') {
    const on = isTrue(attached ?? 'true');
    if (on === undefined) out.push(`--${isNegation ? 'no-' : ''}${form.long}=${attached}`);
    else putSwitch(form, on !== isNegation, out);
    // Behind a one-letter switch may stand more of them: -af FILE.
    if (cluster !== undefined) tokens.unshift(`-${cluster}`);
  } else {
    const follows = form.value === 'required' || form.follows?.test(tokens[0] ?? '');
    putValue(form, { value: attached ?? cluster, next: () => (follows ? tokens.shift() : undefined) }, out);
  }
  return true;
}

/** How one word uses a flag. */
interface Use {
  readonly form: FlagForm;
  readonly isNegation: boolean;
  /** What stands behind `=`. */
  readonly attached: string | undefined;
  /** What stands right behind a one-letter flag. */
  readonly cluster: string | undefined;
}

function useOf(token: string, forms: readonly FlagForm[]): Use | undefined {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(token);
  if (long) {
    const [, name, attached] = long;
    const isNegation = (form: FlagForm) => form.negated && name === `no-${form.long}`;
    const form = forms.find((each) => name === each.long || isNegation(each));
    return form && { form, isNegation: isNegation(form), attached, cluster: undefined };
  }
  const [, letter, attached, cluster] = /^-([^-=])(?:=(.*)|(.+))?$/s.exec(token) ?? [];
  const form = letter === undefined ? undefined : forms.find((each) => each.short === letter);
  return form && { form, isNegation: false, attached, cluster };
}

interface Value {
  /** What stands in the same word as the flag. */
  readonly value: string | undefined;
  /** The word behind it. */
  readonly next: () => string | undefined;
}

function putValue(form: FlagForm, { value, next }: Value, out: string[]): void {
  const text = value ?? next() ?? (form.value === 'optional' ? bareValue : undefined);
  out.push(text === undefined ? `--${form.long}` : `--${form.long}=${text}`);
}

/** The last word about a switch is the one that counts. */
function putSwitch({ long, negated }: FlagForm, on: boolean, out: string[]): void {
  const kept = out.filter((token) => token !== `--${long}` && token !== `--no-${long}`);
  out.splice(0, out.length, ...kept);
  if (on !== negated) out.push(negated ? `--no-${long}` : `--${long}`);
}

/** Undefined for what is neither true nor false. */
function isTrue(text: string): boolean | undefined {
  if (/^(?:true|t|1)$/i.test(text)) return true;
  return /^(?:false|f|0)$/i.test(text) ? false : undefined;
}
