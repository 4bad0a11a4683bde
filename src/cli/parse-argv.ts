import type { CommanderError, Option } from 'commander';
import { formOf, normaliseArgv, type Normalised } from './normalise-argv.ts';
import { isOfOriginal } from './original.ts';
import { resumeFlags, sessionFlags } from './session-flags.ts';
import { seeHelp, unknownCommand, unknownFlag, UsageProblem } from './usage.ts';
import type { Call, FlagSpec, VerbSpec } from './verb.ts';

/** What a command line asks for. */
export type Invocation =
  | { readonly kind: 'help'; readonly verb?: VerbSpec; readonly below?: string }
  | { readonly kind: 'version' }
  | ({ readonly kind: 'call'; readonly verb: VerbSpec } & Pick<Call, 'args' | 'options'>);

/** Flags that every command has. */
export const helpFlag: FlagSpec = { flags: '-h, --help', about: 'Show help' };

/** Flags of `coi` itself. */
export const rootFlags: readonly FlagSpec[] = [helpFlag, { flags: '-v, --version', about: 'Show the version' }];

/** Flags that every command of the original takes, also in front of the command. */
export const globalFlags: readonly FlagSpec[] = [...sessionFlags, ...resumeFlags];

/** How results are printed; every command that prints results has it, also in front of the command. */
export function formatFlag(...choices: string[]): FlagSpec {
  return { flags: '--format <format>', about: `How to print: ${choices.join(', ')} (default text)`, choices };
}

/** Tell the command of a command line from what follows it. */
export function readArgv(argv: readonly string[], verbs: readonly VerbSpec[]): Normalised {
  const known = { globals: [...rootFlags, formatFlag('text', 'json'), ...globalFlags], verbs };
  return orUsual(normaliseArgv(argv, known), () => normaliseArgv([usualVerb, ...argv], known));
}

/**
 * Read a command line.
 *
 * @throws {Problem} `cli.usage` that names the word which makes no sense
 */
export async function parseArgv({ verb: name, args }: Normalised, verbs: readonly VerbSpec[]): Promise<Invocation> {
  if (name === undefined) return rootInvocation(args);
  const flagArgs = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  if (flagArgs.includes('--help')) return helpOn([name], verbs);
  const verb = findVerb(name, verbs);
  if (verb.name === 'help') return helpOn(args, verbs);
  const commander = await import('commander');
  const command = new commander.Command(verb.name).exitOverride().helpOption(false).showSuggestionAfterError(false);
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  for (const word of verb.args.split(' ').filter(Boolean)) command.argument(word);
  for (const spec of flagsOf(verb)) command.addOption(optionOf(spec, new commander.Option(spec.flags, spec.about)));
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof commander.CommanderError)) throw error;
    throw usageProblem(error, verb);
  }
  return { kind: 'call', verb, args: command.args, options: command.opts() };
}

/** What `coi` does without a command. */
const usualVerb = 'shell';

function orUsual(read: Normalised, usual: () => Normalised): Normalised {
  const isAboutCoi = read.args.includes('--help') || read.args.includes('--version');
  return read.verb !== undefined || isAboutCoi ? read : usual();
}

function rootInvocation(args: readonly string[]): Invocation {
  return args.includes('--version') && !args.includes('--help') ? { kind: 'version' } : { kind: 'help' };
}

function helpOn(args: readonly string[], verbs: readonly VerbSpec[]): Invocation {
  const name = args.join(' ');
  if (name === '') return { kind: 'help' };
  const isWhole = verbs.some((each) => each.name === name);
  if (!isWhole && verbs.some((each) => each.name.startsWith(`${name} `))) return { kind: 'help', below: name };
  return { kind: 'help', verb: findVerb(name, verbs) };
}

/** Its own flags, and those that it takes beside them. */
function flagsOf(verb: VerbSpec): readonly FlagSpec[] {
  if (!isOfOriginal(verb)) return verb.flags;
  const own = new Set(namesOf(verb.flags));
  return [...verb.flags, ...globalFlags.filter((flag) => !own.has(nameOf(flag)))];
}

function findVerb(name: string, verbs: readonly VerbSpec[]): VerbSpec {
  const verb = verbs.find((each) => each.name === name);
  if (verb) return verb;
  const below = verbs.filter((each) => each.name.startsWith(`${name} `)).map((each) => each.name);
  if (below.length > 0) {
    throw new UsageProblem(`"${name}" needs one of its commands: ${below.join(', ')}`, seeHelp(below[0]));
  }
  throw unknownCommand(
    name,
    verbs.map((each) => each.name),
  );
}

function optionOf(spec: FlagSpec, option: Option): Option {
  if (spec.choices) option.choices([...spec.choices]);
  const { parse = (text: string): unknown => text, repeatable } = spec;
  if (!spec.choices && (spec.parse || repeatable)) {
    option.argParser((text, previous: unknown) =>
      repeatable ? [...((previous as []) ?? []), parse(text)] : parse(text),
    );
  }
  return option;
}

function usageProblem(error: CommanderError, verb: VerbSpec): UsageProblem {
  const token = /'([^']*)'/s.exec(error.message)?.[1] ?? '';
  const example = `Example: ${verb.example}`;
  switch (error.code) {
    case 'commander.unknownOption':
      return noSwitchValue(token, verb) ?? unknownFlag(token, namesOf([...flagsOf(verb), helpFlag]), verb.name);
    case 'commander.optionMissingArgument':
      return new UsageProblem(`flag needs a value: ${formOfText(token)}`, example);
    case 'commander.missingArgument':
      return new UsageProblem(`${verb.name} needs ${token.toUpperCase()}`, example);
    case 'commander.excessArguments':
      return new UsageProblem(
        `${verb.name} takes ${verb.args === '' ? 'no words' : `no more words than ${verb.args}`}`,
        seeHelp(verb.name),
      );
    default:
      return new UsageProblem(error.message.replace(/^error: /, ''), seeHelp(verb.name));
  }
}

/** What is wrong with a switch that has a value; undefined for what is no switch. */
function noSwitchValue(token: string, verb: VerbSpec): UsageProblem | undefined {
  const [, name, value] = /^--(?:no-)?([^=]+)=(.*)$/s.exec(token) ?? [];
  const isSwitch = [...flagsOf(verb), helpFlag].map(formOf).some((form) => form.value === 'none' && form.long === name);
  if (!isSwitch) return undefined;
  return new UsageProblem(`"${value}" is no value for --${name}`, 'Use true or false, or leave the value out');
}

function formOfText(flags: string): string {
  return nameOf({ flags, about: '' });
}

function namesOf(flags: readonly FlagSpec[]): string[] {
  return flags.map(nameOf);
}

function nameOf(flag: FlagSpec): string {
  return `--${formOf(flag).long}`;
}
