import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import { expandHome } from '../spec/expand-home.ts';
import type { Mount } from '../spec/sandbox.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { requireInstance, requireOwn } from './find-instance.ts';
import type { Io } from './io.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi container mount`. */
interface MountOptions {
  readonly shift?: boolean;
  readonly readonly?: boolean;
}

/** Longest wait for a mount, in milliseconds. */
const mountMs = 60_000;

/** `coi container mount`: one more mount in its manifest, and no device that nobody declares. */
export const containerMount: Verb = async ({ io, args, options }) => {
  const [name = '', device = '', source = '', inside = ''] = args;
  const path = requirePath(inside);
  const host = await requireSource(io, source);
  const { instance, sandbox } = await ownOf(io, name);
  await using api = await connect(io, 'write');
  const mount = mountOf(host, options);
  const ask = async () => {
    const { done, message } = await api.addMount({ name: sandbox, by: whoCalls(io).by, device, path, mount });
    const hint = `Nothing was changed. What it has: incus config device show ${instance}`;
    if (!done) throw refused(`Cannot mount ${device} in ${instance}: ${message}`, hint);
    return api.awaitSandbox({ name: sandbox, goal: 'current', timeoutMs: mountMs, signal: io.signal });
  };
  const { outcome, sandbox: report } = await withProgress(io, `Mounting ${path}`, ask);
  if (outcome === 'reached') return exitCodes.done;
  const why = report?.message ?? 'it takes long';
  const hint = `What is in the way: coi why ${sandbox}`;
  throw refused(`${device} is declared in ${instance}, and not mounted yet: ${why}`, hint);
};

function mountOf(host: string, { shift = true, readonly = false }: MountOptions): Mount {
  return { host, ...(readonly && { readonly }), ...(!shift && { shift }) };
}

async function ownOf(io: Io, name: string) {
  await using incus = await openOwnIncus(io);
  const instance = await requireInstance(incus, name, io.signal);
  return {
    instance: instance.name,
    sandbox: requireOwn(instance, `config device add ${instance.name} DEVICE disk source=SOURCE path=PATH`),
  };
}

function requirePath(inside: string): string {
  if (inside.startsWith('/')) return expandHome(inside, '/');
  throw refused(`The path inside must be absolute, not ${JSON.stringify(inside)}`, 'Example: /data');
}

/** Without links, which is what may be mounted. */
async function requireSource({ cwd }: Io, source: string): Promise<string> {
  const path = resolve(cwd, source);
  const hint = 'Name a directory that is there.';
  const real = await realpath(path).catch((error: unknown) => {
    throw refused(`Cannot mount "${path}": ${messageOf(error)}`, hint);
  });
  if ((await stat(real)).isDirectory()) return real;
  throw refused(`Cannot mount "${path}": it is no directory`, hint);
}

function refused(message: string, hint: string): Problem {
  return new Problem({ code: 'container.mount', message: printable(message), hint });
}
