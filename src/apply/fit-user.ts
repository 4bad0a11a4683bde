import { Problem } from '../base/problem.ts';
import { IncusError } from '../host/incus/errors.ts';
import { builtIn } from '../spec/defaults.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { Task } from './hands.ts';

/**
 * What the script says where it found nothing to do, and the image is known to be so: it may have run before, when Incus lost sight of
 * it. Incus writes the name of the host with each start, so that only what came with the image is older.
 */
const wasSo = 'fits';

/**
 * Gives the user inside its number: in the two databases, and for what is in its home. Nothing happens where it has it.
 * Arguments: name, number. A user who is not there is made, so that the number has a name. Whoever has the number already
 * keeps it, and comes first in no look-up by name. What is mounted in the home, or is the home, belongs to the host and
 * keeps its owners; signs that mean something to find(1), or are told as numbers, are any sign here. See
 * proc_pid_mountinfo(5).
 */
const script = String.raw`
set -eu
name=$1 uid=$2
if [ "$(id -u "$name" 2>/dev/null || :)" = "$uid" ]; then
  [ /etc/hostname -nt /etc/passwd ] && echo ${wasSo}
  exit 0
fi
home=/home/$name
if grep -q "^$name:" /etc/passwd; then
  sed -i "s/^\($name:[^:]*\):[0-9]*:[0-9]*:/\1:$uid:$uid:/" /etc/passwd
  home=$(sed -n "s/^$name:\([^:]*:\)\{4\}\([^:]*\):.*/\2/p" /etc/passwd)
else
  echo "$name:x:$uid:$uid::$home:/bin/sh" >>/etc/passwd
fi
if grep -q "^$name:" /etc/group; then
  sed -i "s/^\($name:[^:]*\):[0-9]*:/\1:$uid:/" /etc/group
else
  echo "$name:x:$uid:" >>/etc/group
fi
mkdir -p "$home"
home=$(cd -P "$home" && pwd)
set -f
points=$(sed -n 's/^\([^ ]* \)\{4\}\([^ ]*\) .*/\2/p' /proc/self/mountinfo | sed 's/\\[0-7]\{3\}/?/g; s/[][*]/?/g')
set -- "$home" -xdev
for point in $points; do
  case $point in
    "$home") exit 0 ;;
    "$home"/*) set -- "$@" -path "$point" -prune -o ;;
  esac
done
find "$@" -exec chown -h "$uid:$uid" '{}' +
`;

/** Homes of images are small; one that grew for months may be not. */
const timeoutMs = 60_000;

/** What it takes, of a {@link Task}. */
interface Fitting extends Pick<Task, 'signal'> {
  readonly hands: Pick<Task['hands'], 'incus' | 'fittingImages'>;
  readonly step: Pick<Task['step'], 'instance'>;
}

/** Images in which users were found to have their numbers, so that nobody asks again in each new instance of them. */
export class FittingImages {
  readonly #known = new Set<string>();

  has(image: string, user: Sandbox['codeUser']): boolean {
    return this.#known.has(keyOf(image, user));
  }

  add(image: string, user: Sandbox['codeUser']): void {
    this.#known.add(keyOf(image, user));
  }
}

function keyOf(image: string, { uid, name }: Sandbox['codeUser']): string {
  return `${image} ${uid} ${name}`;
}

/**
 * As {@link fitUser}, in an instance that was just made of an image: where another one of that image was so by itself, this
 * one is, too.
 */
export async function fitNewUser(task: Fitting, user: Sandbox['codeUser']): Promise<void> {
  const { hands, step, signal } = task;
  const { imageFingerprint } = (await hands.incus.instances.get(step.instance, { signal })).value;
  if (imageFingerprint !== undefined && hands.fittingImages.has(imageFingerprint, user)) return;
  const wasFit = await fitUser(task, user);
  if (wasFit && imageFingerprint !== undefined) hands.fittingImages.add(imageFingerprint, user);
}

/**
 * Let the user inside have the number that owns the workspace, and make it where the image has none. Its name is one that
 * useradd(8) takes, so it means nothing to sed and the shell.
 *
 * @returns whether it is known to have had it before
 * @throws {Problem} `user.unfit` with what was said inside
 */
export async function fitUser({ hands, step, signal }: Fitting, { uid, name }: Sandbox['codeUser']): Promise<boolean> {
  if (uid === 0) return true;
  const argv = ['sh', '-c', script, 'coi', name, String(uid)];
  const options = { cwd: '/', signal, timeoutMs };
  const { exitCode, stdout, stderr } = await hands.incus.exec
    .run(step.instance, argv, options)
    .catch((error: unknown) => {
      signal.throwIfAborted();
      // The usual number needs no work in most images, and what runs for a moment only may be over.
      if (uid === builtIn.incus.codeUid && error instanceof IncusError) return { exitCode: 0, stdout: '', stderr: '' };
      throw error;
    });
  // An image without a shell has no use for its user, unless it is asked for.
  if (exitCode === 0) return stdout.toString().trim() === wasSo;
  if (exitCode > 125 && uid === builtIn.incus.codeUid) return false;
  throw new Problem({
    code: 'user.unfit',
    message: `The user "${name}" inside could not be given the number ${uid}: ${stderr.toString().trim().split('\n').at(-1)}`,
    hint: 'The image needs sh, sed, grep, find and chown; or set incus.code_uid to the number that its user has, 0 for root',
  });
}
