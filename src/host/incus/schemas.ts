import { z } from 'zod';

/** Configuration as Incus writes it; `null` means none. */
export const configSchema = z
  .record(z.string(), z.string())
  .nullish()
  .transform((config) => config ?? {});

/** Devices as Incus writes them; `null` means none. */
export const devicesSchema = z
  .record(z.string(), z.record(z.string(), z.string()))
  .nullish()
  .transform((devices) => devices ?? {});

/** Paths of things, as Incus writes them; `null` means none. */
export const pathsSchema = z
  .array(z.string())
  .nullish()
  .transform((paths) => paths ?? []);
