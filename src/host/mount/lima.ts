import { access, readFile } from 'node:fs/promises';
import { parseMountTable } from './mount-table.ts';

/** Lima's guest agent makes it once the machine is up. */
const bootMark = '/run/lima-boot-done';

/** Where Lima shows a guest its settings. */
const settingsMount = '/mnt/lima-cidata';

/**
 * Why this host cannot shift ids of files: it is a virtual machine of Lima, as Colima makes them too, and the files are
 * those of another system, which gives them the right owner itself. Undefined on every other host: a shared directory
 * alone says nothing.
 */
export async function cannotShiftBecause(): Promise<string | undefined> {
  const isMarked = await access(bootMark).then(
    () => true,
    // Not there, or not to be seen: then it is no sign.
    () => false,
  );
  const mounts = parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
  const sign = isMarked ? bootMark : mounts.has(settingsMount) ? settingsMount : undefined;
  return sign && `this is a virtual machine of Lima or Colima (${sign})`;
}
