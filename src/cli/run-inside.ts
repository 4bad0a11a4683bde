import type { SessionOpened } from '../controller/session-api.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import { guestCommand } from '../session/guest-command.ts';
import { guestEnvironment } from '../session/guest-environment.ts';
import { execInside } from './exec-inside.ts';
import { openIncusIn } from './open-own-incus.ts';
import { jsonText } from './printable.ts';
import type { SessionOptions } from './session-flags.ts';
import type { AskedSession } from './session-request.ts';
import type { Call } from './verb.ts';

/** Flags of `coi run`. */
export interface RunOptions extends SessionOptions {
  readonly capture?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly format?: string;
}

/** Run the command of `coi run` in its container. @returns its exit code; 124 when its time was up */
export async function runInside(call: Call, asked: AskedSession, opened: SessionOpened): Promise<number> {
  const { io, args } = call;
  const options = call.options as RunOptions;
  await using incus = openIncusIn(io, asked.settings.incus.project);
  const { uid, name } = asked.sandbox.codeUser;
  const began = io.clock.monotonic();
  const { exitCode, output } = await execInside(io, incus, {
    instance: opened.instance,
    argv: guestCommand(args),
    cwd: workspaceInside(asked.sandbox),
    uid,
    gid: uid,
    env: guestEnvironment({ home: `/home/${name}`, terminal: io.env['TERM'], own: asked.environment }),
    captures: options.capture || options.format === 'json' ? 'everything' : 'nothing',
    timeoutMs: options.timeout,
  });
  const { stdout, stderr } = output ?? {};
  if (options.format === 'json') {
    const duration = Math.round(io.clock.monotonic() - began) / 1_000;
    const texts = { stdout: String(stdout), stderr: String(stderr) };
    io.stdout.write(jsonText({ ...texts, exit_code: exitCode, container: opened.instance, duration }));
  } else {
    if (stdout) await io.stdout.pass(stdout);
    if (stderr) await io.stderr.pass(stderr);
  }
  return exitCode;
}
