import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import type { Incus } from '../host/incus/client.ts';
import { buildPrefix, type BuildContainer, type KeptContainer } from '../image/build-tools.ts';
import { sessionSourceId } from '../source/session-source.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import { parseSessionInstance, workspaceHash } from '../spec/session-names.ts';
import type { Settings } from '../spec/settings.ts';
import { forThisProcess, inSession } from './in-session.ts';
import type { Io } from './io.ts';
import { askForSession, type AskedSession } from './session-request.ts';
import { whoCalls } from './who.ts';

/** Longest wait for a container to stand still or to be gone, in milliseconds. */
const longestMs = 120_000;

/** What build containers are made with. */
export interface BuildContainerInit {
  readonly io: Io;
  readonly api: ControlApi;
  readonly incus: Pick<Incus, 'instances'>;
  readonly settings: Settings;
  /** Tells one image from another: its alias, which nobody else builds at the same time. */
  readonly subject: string;
}

/** The container of one image: a persistent session of this user's with a name of its own, for as long as this process. */
export function openBuildContainer(init: BuildContainerInit): BuildContainer {
  return {
    find: () => find(init),
    drop: () => drop(init),
    run: (image, work) => run(init, image, work),
  };
}

async function find(init: BuildContainerInit): Promise<KeptContainer | undefined> {
  const own = await ownSandbox(init);
  if (!own) return undefined;
  // A build that was ended may still be on its way to that.
  await settled(init, own.name, 'stopped');
  const { value } = await init.incus.instances.get(own.instance);
  const image = value.config['volatile.base_image'];
  return image ? { instance: own.instance, image } : undefined;
}

async function drop(init: BuildContainerInit): Promise<void> {
  const own = await ownSandbox(init);
  if (!own) return;
  await init.api.delete({ names: [own.name], by: whoCalls(init.io).by });
  await settled(init, own.name, 'gone');
}

async function run<T>(init: BuildContainerInit, image: string, work: (instance: string) => Promise<T>): Promise<T> {
  const { api, io } = init;
  const asked = await ask(init, image, (await ownSandbox(init))?.instance);
  return await inSession({ api, io, asked }, ({ instance }) => work(instance));
}

function hashOf({ subject }: BuildContainerInit): string {
  return workspaceHash(`/coi-build/${subject}`);
}

/** The one that this user has for it, in whatever slot. */
async function ownSandbox(init: BuildContainerInit): Promise<SandboxReport | undefined> {
  const hash = hashOf(init);
  const source = sessionSourceId(whoCalls(init.io).uid);
  const { sandboxes } = await init.api.status();
  return sandboxes.find((each) => {
    const id = parseSessionInstance(each.name);
    return each.source === source && each.state !== 'absent' && id?.prefix === buildPrefix && id.hash === hash;
  });
}

async function settled({ api, io }: BuildContainerInit, name: string, goal: 'stopped' | 'gone'): Promise<void> {
  // A build that is called off waits for the end of its own container, too.
  const signal = goal === 'gone' ? new AbortController().signal : io.signal;
  const { outcome } = await api.awaitSandbox({ name, goal, timeoutMs: longestMs, signal });
  if (outcome === 'reached') return;
  throw new Problem({
    code: 'image.container',
    message: `The container of an earlier build is not ${goal} yet: ${name}`,
    hint: `What is in the way: coi why ${name}`,
  });
}

/** Nothing of the host's goes in, and no limits of sessions hold: they are for agents. */
async function ask(init: BuildContainerInit, image: string, kept: string | undefined): Promise<AskedSession> {
  const { io, settings } = init;
  const here = await mkdtemp(join(tmpdir(), 'coi-build-'));
  try {
    const nobody = { ...io, cwd: here, env: { ...io.env, COI_CONTAINER_PREFIX: buildPrefix } };
    const adjust = (sandbox: Sandbox) => fitted(sandbox, image, settings);
    const asked = await askForSession(nobody, {}, { adjust });
    const slot = kept === undefined ? 1 : (parseSessionInstance(kept)?.slot ?? 1);
    return { ...asked, request: { ...asked.request, hash: hashOf(init), slot } };
  } finally {
    await rmdir(here);
  }
}

/** As root: the numbers of users in the image are to stay as they are. */
function fitted(sandbox: Sandbox, image: string, { images }: Settings): Sandbox {
  const { workspace: _workspace, mounts: _mounts, protectedPaths: _paths, ...rest } = sandbox;
  const { schedule: _schedule, lifetime: _lifetime, ...lasting } = rest;
  return {
    ...forThisProcess(lasting),
    image,
    persistent: true,
    limits: {},
    network: { mode: images.network },
    codeUser: { uid: 0, name: 'root' },
  };
}
