import { callIfThere } from '../firewalld/bus.ts';

/** Zones that the original coi put the host's ends of containers into. */
const zones = ['public', 'trusted'] as const;

/** An interface that a zone of firewalld takes for its own: now, or whenever firewalld starts. */
export interface ZoneBinding {
  readonly zone: (typeof zones)[number];
  readonly link: string;
  readonly isPermanent: boolean;
}

/** What is bound to the zones that the original coi used. See firewalld.dbus(5), `getInterfaces`. */
export async function listZoneBindings(signal: AbortSignal): Promise<ZoneBinding[]> {
  const bindings: ZoneBinding[] = [];
  for (const zone of zones) {
    const now = await callIfThere({ interface: 'zone', method: 'getInterfaces', signature: 's', args: [zone], signal });
    bindings.push(...namesIn(now).map((link) => ({ zone, link, isPermanent: false })));
    const object = await configOf(zone, signal);
    if (object === undefined) continue;
    const always = await callIfThere({ object, interface: 'config.zone', method: 'getInterfaces', signal });
    bindings.push(...namesIn(always).map((link) => ({ zone, link, isPermanent: true })));
  }
  return bindings;
}

export async function removeZoneBinding({ zone, link, isPermanent }: ZoneBinding, signal: AbortSignal): Promise<void> {
  if (!isPermanent) {
    await callIfThere({ interface: 'zone', method: 'removeInterface', signature: 'ss', args: [zone, link], signal });
    return;
  }
  const object = await configOf(zone, signal);
  if (object === undefined) return;
  await callIfThere({
    object,
    interface: 'config.zone',
    method: 'removeInterface',
    signature: 's',
    args: [link],
    signal,
  });
}

/** The object that keeps a zone's permanent settings. */
async function configOf(zone: string, signal: AbortSignal): Promise<string | undefined> {
  const call = { object: '/config', interface: 'config', method: 'getZoneByName', signature: 's' } as const;
  const [path] = (await callIfThere({ ...call, args: [zone], signal })) ?? [];
  return typeof path === 'string' ? path : undefined;
}

function namesIn(reply: readonly unknown[] | undefined): string[] {
  const [names] = reply ?? [];
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}
