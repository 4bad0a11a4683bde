import { reportFailure } from './failure.ts';
import { programName, renderHelp, renderVerbHelp } from './help.ts';
import type { Io } from './io.ts';
import { parseArgv, type Invocation } from './parse-argv.ts';
import { verbs } from './verbs.ts';
import { versionText } from './version.ts';

/**
 * Carry out a command line. Never throws: what went wrong is on `io.stderr` and in the exit code.
 *
 * @param argv the words behind `coi`
 * @returns the exit code
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let invocation: Invocation | undefined;
  try {
    invocation = await parseArgv(argv, verbs);
    return await carryOut(invocation, io);
  } catch (error) {
    const call = invocation?.kind === 'call' ? invocation : undefined;
    return reportFailure(error, io, call?.verb.failureCode?.(call.options));
  }
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
