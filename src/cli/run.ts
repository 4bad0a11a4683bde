import { exitCodes, reportFailure } from './failure.ts';
import { programName, renderHelp, renderVerbHelp } from './help.ts';
import type { Io } from './io.ts';
import { isOfOriginal } from './original.ts';
import { parseArgv, readArgv, type Invocation } from './parse-argv.ts';
import { verbs } from './verbs.ts';
import { versionText } from './version.ts';

/**
 * Carry out a command line. Never throws: what went wrong is on `io.stderr` and in the exit code.
 *
 * @param argv the words behind `coi`
 * @returns the exit code
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const line = readArgv(argv, verbs);
  let invocation: Invocation | undefined;
  try {
    invocation = await parseArgv(line, verbs);
    return await carryOut(invocation, io);
  } catch (error) {
    const call = invocation?.kind === 'call' ? invocation : undefined;
    return reportFailure(error, io, { failure: call?.verb.failureCode?.(call.options), usage: usageCode(line.verb) });
  }
}

/** As in the original for its commands and for what is no command at all. */
function usageCode(name: string | undefined): number {
  const isOurs = verbs.some((verb) => !isOfOriginal(verb) && (verb.name === name || verb.name.startsWith(`${name} `)));
  return isOurs ? exitCodes.usage : exitCodes.failed;
}

async function carryOut(invocation: Invocation, io: Io): Promise<number> {
  switch (invocation.kind) {
    case 'help': {
      const { verb, below } = invocation;
      const program = programName(io.env);
      io.stdout.write(verb ? renderVerbHelp(verb, program) : renderHelp(verbs, program, below));
      return 0;
    }
    case 'version':
      io.stdout.write(versionText);
      return 0;
    case 'call': {
      const { verb, args, options } = invocation;
      const carry = await verb.load();
      return carry({ io, args, options });
    }
  }
}
