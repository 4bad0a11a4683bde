import { z } from 'zod';
import type { Api } from './api.ts';
import type { CallOptions } from './instances.ts';

const schema = z.looseObject({
  auth: z.string(),
  auth_user_name: z.string().default(''),
  api_extensions: z.array(z.string()).default([]),
  environment: z
    .looseObject({
      server_version: z.string().default(''),
      server_name: z.string().default(''),
      server_pid: z.number().default(0),
      server_clustered: z.boolean().default(false),
      firewall: z.string().default(''),
      architectures: z.array(z.string()).nullish(),
      storage_supported_drivers: z.array(z.looseObject({ Name: z.string() })).nullish(),
    })
    .prefault({}),
});

/** What incusd says about itself. */
export interface ServerInfo {
  /** As in `6.0.4`; empty when we are not trusted. */
  readonly version: string;
  readonly name: string;
  readonly extensions: ReadonlySet<string>;
  /** Whether we may do anything beyond asking this. */
  readonly isTrusted: boolean;
  readonly isClustered: boolean;
  /** User that Incus takes us for. */
  readonly user: string;
  readonly firewall: string;
  readonly storageDrivers: readonly string[];
  /** What its containers may be, `x86_64`, …; empty when we are not trusted. */
  readonly architectures: readonly string[];
  /** Process id of incusd as it sees itself; 0 when we are not trusted. */
  readonly pid: number;
}

/** Reads `GET /1.0`, the first call of every client. @throws {IncusError} when incusd is not there. */
export async function readServer(api: Api, options: CallOptions = {}): Promise<ServerInfo> {
  const call = { method: 'GET', route: '/1.0', what: 'ask incusd what it is', ...options } as const;
  return (await api.sync(call, parseServer)).value;
}

function parseServer(value: unknown): ServerInfo {
  const { auth, auth_user_name: user, api_extensions: extensions, environment } = schema.parse(value);
  return {
    version: environment.server_version,
    name: environment.server_name,
    extensions: new Set(extensions),
    isTrusted: auth === 'trusted',
    isClustered: environment.server_clustered,
    user,
    firewall: environment.firewall,
    pid: environment.server_pid,
    architectures: environment.architectures ?? [],
    storageDrivers: (environment.storage_supported_drivers ?? []).map(({ Name }) => Name),
  };
}
