import { Problem, ProblemList } from '../base/problem.ts';
import { checkAsked } from '../spec/check-rules.ts';
import { renderManifest } from '../spec/render-manifest.ts';
import type { Manifest, Sandbox } from '../spec/sandbox.ts';

/** What one more mount would make of a sandbox. */
export interface MountedAs {
  readonly manifest: Manifest;
  /** Absolute, inside. */
  readonly path: string;
  /** What its device is to be called. */
  readonly device: string;
  /** Those that there are, whoever added them. */
  readonly devices: Readonly<Record<string, unknown>>;
  readonly sandbox: Sandbox;
  /** Reads what would be stored. @throws {Problem} what is wrong with it */
  readonly read: (text: string) => Promise<unknown>;
}

/** Why a mount cannot be with what a sandbox has; undefined where it can. */
export async function mountFault(as: MountedAs): Promise<string | undefined> {
  const { manifest, path, device, devices, sandbox, read } = as;
  const { name, instance } = manifest;
  if (Object.hasOwn(manifest.sandbox.mounts ?? {}, path)) return `"${path}" is a mount of it already`;
  if (Object.hasOwn(devices, device)) return `"${device}" is a device of it already: call this one something else`;
  const [impossible] = checkAsked(name, sandbox);
  if (impossible) return textOf(impossible);
  try {
    await read(renderManifest({ name, instance, sandbox }));
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error instanceof ProblemList ? error.problems.map(textOf).join('; ') : textOf(error);
  }
}

/** Without its position: nobody wrote that text. */
function textOf({ message, hint }: Problem): string {
  return hint ? `${message}. ${hint}` : message;
}
