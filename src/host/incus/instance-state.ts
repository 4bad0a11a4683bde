import { z } from 'zod';

const schema = z.looseObject({
  status: z.string(),
  pid: z.number(),
  processes: z.number(),
  started_at: z.string().optional(),
  cpu: z.looseObject({ usage: z.number() }).nullish(),
  memory: z
    .looseObject({ usage: z.number(), usage_peak: z.number().default(0), total: z.number().default(0) })
    .nullish(),
  network: z
    .record(
      z.string(),
      z.looseObject({
        host_name: z.string().default(''),
        hwaddr: z.string().default(''),
        addresses: z.array(z.looseObject({ family: z.string(), address: z.string(), scope: z.string() })).nullish(),
      }),
    )
    .nullish(),
});

/** A network interface inside an instance. */
export interface RuntimeInterface {
  /** Its other end on the host; empty for a loopback. */
  readonly hostName: string;
  readonly hwaddr: string;
  readonly addresses: readonly { readonly family: string; readonly address: string; readonly scope: string }[];
}

/** What an instance does right now. */
export interface RuntimeState {
  readonly status: string;
  /** Host's process id of its init; 0 or less when it does not run. */
  readonly pid: number;
  readonly processes: number;
  readonly startedAt: string | undefined;
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
  readonly network: Readonly<Record<string, RuntimeInterface>>;
}

/** Reads an instance's state as Incus writes it. Throws when it is not one. */
export function parseInstanceState(value: unknown): RuntimeState {
  const state = schema.parse(value);
  const interfaces = Object.entries(state.network ?? {}).map(
    ([name, { host_name: hostName, hwaddr, addresses }]) =>
      [name, { hostName, hwaddr, addresses: addresses ?? [] }] as const,
  );
  return {
    status: state.status,
    pid: state.pid,
    processes: state.processes,
    startedAt: state.started_at,
    cpuNanoseconds: state.cpu?.usage ?? 0,
    memoryBytes: state.memory?.usage ?? 0,
    network: Object.fromEntries(interfaces),
  };
}
