import { namedLayer, type NamedLayer } from './named-layer.ts';

/** What flags of the command line say about a session, by their long names in camel case. */
export interface SessionFlagValues {
  /** Absolute, and without links. */
  readonly workspace: string;
  readonly image?: string;
  readonly persistent?: boolean;
  readonly network?: string;
  readonly tool?: string;
  readonly limitCpu?: string;
  readonly limitCpuAllowance?: string;
  readonly limitCpuPriority?: number;
  readonly limitMemory?: string;
  readonly limitMemorySwap?: string;
  readonly limitMemoryEnforce?: string;
  readonly limitDiskRead?: string;
  readonly limitDiskWrite?: string;
  readonly limitDiskMax?: string;
  readonly limitDiskPriority?: number;
  readonly limitProcesses?: number;
  readonly limitDuration?: string;
  readonly writableGitHooks?: boolean;
  /** Watched, with all that follows by itself. */
  readonly monitor?: true;
  /** By path inside; hosts absolute and without links. */
  readonly mount?: Readonly<Record<string, { readonly host: string }>>;
}

const keys: Readonly<Record<keyof SessionFlagValues, readonly string[]>> = {
  workspace: ['workspace'],
  image: ['image'],
  persistent: ['persistent'],
  network: ['network', 'mode'],
  tool: ['tool', 'name'],
  limitCpu: ['limits', 'cpu', 'count'],
  limitCpuAllowance: ['limits', 'cpu', 'allowance'],
  limitCpuPriority: ['limits', 'cpu', 'priority'],
  limitMemory: ['limits', 'memory', 'limit'],
  limitMemorySwap: ['limits', 'memory', 'swap'],
  limitMemoryEnforce: ['limits', 'memory', 'enforce'],
  limitDiskRead: ['limits', 'disk', 'read'],
  limitDiskWrite: ['limits', 'disk', 'write'],
  limitDiskMax: ['limits', 'disk', 'max'],
  limitDiskPriority: ['limits', 'disk', 'priority'],
  limitProcesses: ['limits', 'runtime', 'max_processes'],
  limitDuration: ['limits', 'runtime', 'max_duration'],
  writableGitHooks: ['git', 'writable_hooks'],
  monitor: ['monitoring'],
  mount: ['mounts'],
};

/** What a switch for several keys says about them. */
const whole: Readonly<Partial<Record<keyof SessionFlagValues, unknown>>> = {
  monitor: { enabled: true, auto_pause_on_high: true, auto_kill_on_critical: true, nft: { enabled: true } },
};

/** The layer that flags make; what was not given is undefined. Problems name the flag, all of them at once. */
export function flagLayer(flags: {
  readonly [Name in keyof SessionFlagValues]?: SessionFlagValues[Name] | undefined;
}): NamedLayer {
  return namedLayer(
    Object.entries(keys).flatMap(([name, path]) => {
      const key = name as keyof SessionFlagValues;
      const value = flags[key];
      return value === undefined ? [] : [{ name: flagName(name), path, value: whole[key] ?? value }];
    }),
  );
}

function flagName(camelCase: string): string {
  return `--${camelCase.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
