import { directFilePath, readDirectFile, removeFromDirectFile } from '../../host/original/direct-file.ts';
import { isFirewalldRunning } from '../../host/firewalld/bus.ts';
import { listDirectRules, removeDirectRule } from '../../host/original/firewalld-rules.ts';
import { listZoneBindings, removeZoneBinding } from '../../host/original/zone-bindings.ts';
import { listLinks } from '../../host/link/links.ts';
import { isSharedRule, sourceOfDirectRule, type DirectRule } from '../../network/original/direct-rules.ts';
import { orphanKind, type InUse, type OrphanKind } from './orphan-kind.ts';

/** Names that Incus gives host ends of containers: eight hexadecimal digits. */
const incusPort = /^veth[0-9a-f]{8}$/;

/** What the original coi left with firewalld: direct rules in force and on file, and interfaces in zones. */
export const firewalldKinds: readonly OrphanKind[] = [
  orphanKind({
    kind: 'firewalld-rule',
    list: (signal) => ifRunning(listDirectRules, signal),
    judge: (rule, inUse) => judgeRule(rule, inUse, textOf(rule)),
    remove: async (found, signal) => {
      for (const rule of found) await removeDirectRule(rule, signal);
    },
  }),
  orphanKind({
    kind: 'firewalld-file-rule',
    list: () => readDirectFile(),
    judge: (rule, inUse) => judgeRule(rule, inUse, `${directFilePath}: ${textOf(rule)}`),
    remove: async (found) => {
      const texts = new Set(found.map(textOf));
      await removeFromDirectFile((rule) => texts.has(textOf(rule)));
    },
  }),
  orphanKind({
    kind: 'firewalld-binding',
    list: async (signal) => {
      const bindings = (await ifRunning(listZoneBindings, signal)).filter(({ link }) => incusPort.test(link));
      if (bindings.length === 0) return [];
      const there = new Set((await listLinks({ signal })).map(({ name }) => name));
      return bindings.filter(({ link }) => !there.has(link));
    },
    judge: ({ zone, link, isPermanent }) => ({
      what: `${link} in zone ${zone}${isPermanent ? ' (permanent)' : ''}`,
      why: 'an interface as Incus names them for containers, which is not there',
    }),
    remove: async (found, signal) => {
      for (const binding of found) await removeZoneBinding(binding, signal);
    },
  }),
];

function judgeRule(rule: DirectRule, { isDead }: InUse, what: string) {
  if (isSharedRule(rule)) {
    return {
      what,
      why: 'lets replies pass for everything on this host; the original coi never takes it out, others may rely on it',
      shared: true,
    } as const;
  }
  const source = sourceOfDirectRule(rule);
  if (source === undefined || !isDead(source)) return undefined;
  return { what, why: `a rule as the original coi makes them, for ${source}, which no instance has` };
}

/** As firewall-cmd takes it. */
function textOf({ priority, args }: DirectRule): string {
  return `ipv4 filter FORWARD ${priority} ${args.join(' ')}`;
}

async function ifRunning<Item>(list: (signal: AbortSignal) => Promise<Item[]>, signal: AbortSignal): Promise<Item[]> {
  return (await isFirewalldRunning(signal)) ? list(signal) : [];
}
