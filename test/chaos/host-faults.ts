import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { between, type Fault, type FaultContext } from './fault.ts';
import { manifestText } from './workloads.ts';

/** How long rules that a test took away may stay away before it counts as unprotected, in milliseconds. */
const detectionMs = 1_000;

function hostFault(name: string, faultClass: string, arm: (context: FaultContext) => Promise<void>): Fault {
  return {
    name,
    class: faultClass,
    at: 'phase',
    arm: async (context) => {
      context.fire();
      await arm(context);
    },
  };
}

/** Rules are taken away a little after the phase began, when something of it may be up. */
function tamper(name: string, command: (context: FaultContext) => Promise<unknown>): Fault {
  return hostFault(name, 'F10', async (context) => {
    const { stage, random, beside } = context;
    const work = async () => {
      await sleep(between(random, 0, 8) * 60);
      stage.sampler.isExcused = true;
      await command(context);
      await sleep(detectionMs);
      stage.sampler.isExcused = false;
    };
    beside(work());
  });
}

const nft = ({ stage }: FaultContext, ...args: string[]) => stage.lab.run(['nft', ...args]);

async function deleteAnElement(context: FaultContext): Promise<void> {
  const { stage } = context;
  const listed = await stage.lab.run(['nft', 'list', 'map', 'inet', 'coi', 'mode4']);
  const [key] = /\d+\.\d+\.\d+\.\d+/.exec(listed.stdout) ?? [];
  if (key) await nft(context, 'delete', 'element', 'inet', 'coi', 'mode4', `{ ${key} }`);
}

async function deleteARule(context: FaultContext): Promise<void> {
  const { stdout } = await nft(context, '-a', 'list', 'table', 'inet', 'coi');
  const chain = /chain forward \{([\s\S]*?)\n\t\}/.exec(stdout)?.[1] ?? '';
  const handles = [...chain.matchAll(/# handle (\d+)/g)].map(([, handle]) => handle!);
  const handle = handles[between(context.random, 0, handles.length - 1)];
  if (handle) await nft(context, 'delete', 'rule', 'inet', 'coi', 'forward', 'handle', handle);
}

/** F9, F10, F11, F12 and F14: what goes wrong on the host, beside Incus. */
export const hostFaults: readonly Fault[] = [
  hostFault('nft-fails', 'F9', ({ stage, random }) => stage.nftPlan(`fail ${between(random, 1, 3)}`)),
  hostFault('nft-refuses', 'F9', async ({ stage, random, beside }) => {
    await stage.nftPlan('refuse 0');
    beside(sleep(between(random, 300, 1_500)).then(() => stage.nftPlan('')));
  }),
  hostFault('crash-before-nft', 'F1', ({ stage, random }) =>
    stage.nftPlan(`kill-before ${between(random, 1, 3)} ${stage.controller.pid}`),
  ),
  hostFault('crash-after-nft', 'F1', ({ stage, random }) =>
    stage.nftPlan(`kill-after ${between(random, 1, 3)} ${stage.controller.pid}`),
  ),
  tamper('ruleset-flushed', ({ stage }) => stage.flushRuleset()),
  tamper('table-deleted', (context) =>
    nft(context, 'delete', 'table', context.random() < 0.5 ? 'inet' : 'bridge', 'coi'),
  ),
  tamper('chain-flushed', (context) => nft(context, 'flush', 'chain', 'inet', 'coi', 'forward')),
  tamper('rule-deleted', deleteARule),
  tamper('element-deleted', deleteAnElement),
  tamper('policies-flushed', ({ stage }) => stage.lab.run(['ip', 'xfrm', 'policy', 'flush'])),
  hostFault('orphan-element', 'F11', async (context) => {
    const owner = '01J0000000000000000000000A';
    await nft(context, 'add', 'element', 'inet', 'coi', 'mode4', `{ 10.90.7.7 comment "${owner}" : goto open }`);
    await nft(
      context,
      'add',
      'element',
      'bridge',
      'coi',
      'mac',
      `{ "coi0000000000ab" . 10:66:6a:00:00:01 comment "${owner}" }`,
    );
  }),
  hostFault('manifest-half-written', 'F12', async ({ stage, beside }) => {
    const file = join(stage.controller.dir(), 'half.toml');
    await writeFile(file, 'apiVersion = "coi/v1"\n[sandbox.p');
    beside(sleep(700).then(() => rm(file)));
  }),
  hostFault('source-moved-away', 'F12', async ({ stage, beside }) => {
    const dir = stage.controller.dir();
    await sleep(50);
    await rename(dir, `${dir}-away`);
    beside(sleep(600).then(() => rename(`${dir}-away`, dir)));
  }),
  hostFault('source-hidden', 'F12', async ({ stage, beside }) => {
    // An empty directory over the source, as when something is mounted there or is no longer.
    const dir = stage.controller.dir();
    await sleep(50);
    await stage.lab.run(['mount', '-t', 'tmpfs', 'hidden', dir]);
    beside(sleep(900).then(() => stage.lab.run(['umount', dir])));
  }),
  hostFault('declared-twice', 'F12', async ({ stage, prefix, beside }) => {
    const file = join(stage.controller.dir(), 'again.toml');
    await writeFile(file, manifestText({ one: ['limits.cpu.count = "1"'] }, prefix));
    beside(sleep(700).then(() => rm(file)));
  }),
  hostFault('state-deleted', 'F14', ({ stage }) => rm(stage.lab.stateDir, { recursive: true, force: true })),
  hostFault('state-read-only', 'F14', (context) => coverState(context, 'size=64k,ro')),
  hostFault('state-full', 'F14', (context) => coverState(context, 'size=4k,nr_inodes=2')),
  hostFault('state-restored-old', 'F14', async ({ stage, beside }) => {
    const copy = `${stage.lab.stateDir}-copy`;
    await cp(stage.lab.stateDir, copy, { recursive: true, force: true });
    const swap = async () => {
      await sleep(500);
      await rm(stage.lab.stateDir, { recursive: true, force: true });
      await mkdir(stage.lab.stateDir, { recursive: true });
      await cp(copy, stage.lab.stateDir, { recursive: true, force: true });
      await rm(copy, { recursive: true, force: true });
    };
    beside(swap());
  }),
];

async function coverState({ stage, onPhaseEnd }: FaultContext, options: string): Promise<void> {
  await mkdir(stage.lab.stateDir, { recursive: true });
  await stage.lab.inside.output(['mount', '-t', 'tmpfs', '-o', options, 'chaos', stage.lab.stateDir]);
  onPhaseEnd(async () => {
    await stage.lab.run(['umount', '-l', stage.lab.stateDir]);
  });
}
