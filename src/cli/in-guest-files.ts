import { messageOf, Problem } from '../base/problem.ts';
import { SftpError, SftpLost } from '../host/incus/sftp/sftp-error.ts';
import { Sftp } from '../host/incus/sftp/sftp.ts';
import { endWhenSilent } from '../host/tree/end-when-silent.ts';
import { Endless } from '../host/tree/fetch-tree.ts';
import { codeOf } from '../host/tree/held-directory.ts';
import { GuestFull } from '../host/tree/send-tree.ts';
import { requireInstance } from './find-instance.ts';
import type { Io } from './io.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { printable } from './printable.ts';

/** How long an end that was asked for may take, in milliseconds. */
const lastMs = 5_000;

/** The files of a container. */
export interface GuestFiles {
  /** Its name in Incus. */
  readonly instance: string;
  readonly sftp: Sftp;
}

/**
 * Do something with the files of a container, running or not, whoever made it. Nothing of it needs a controller.
 *
 * @param container its name, or that of a sandbox
 * @throws {Problem} `container.none`, `file.lost`, `file.full-inside`, `file.disk-full`, `file.refused`, `file.too-much`
 * @throws {IncusError} when Incus is not there, or refuses
 */
export async function inGuestFiles<Result>(
  io: Io,
  container: string,
  work: (files: GuestFiles) => Promise<Result>,
): Promise<Result> {
  await using incus = await openOwnIncus(io);
  try {
    const { name: instance } = await requireInstance(incus, container, io.signal);
    const socket = await incus.files.connect(instance, { signal: io.signal });
    using sftp = await Sftp.onSocket(socket);
    using _silence = endWhenSilent(sftp.channel, io.clock);
    // What is half there is removed first, as far as that answers.
    const end = () => void io.clock.after(lastMs, () => sftp[Symbol.dispose]());
    io.signal.addEventListener('abort', end, { once: true });
    try {
      io.signal.throwIfAborted();
      return await work({ instance, sftp });
    } finally {
      io.signal.removeEventListener('abort', end);
    }
  } catch (error) {
    throw explained(error, container);
  }
}

function explained(error: unknown, container: string): unknown {
  const name = printable(container);
  if (error instanceof Problem) return error;
  if (error instanceof GuestFull) {
    return problem('file.full-inside', `The disk of ${name} is full: ${error.message}`, {
      hint: 'What was there before is as it was. Make room in it, or in the storage pool: incus storage info NAME',
      cause: error,
    });
  }
  if (error instanceof Endless) return endless();
  if (error instanceof SftpLost) {
    const hint = `Does it run, or stand still? See: coi list. What has its name already is complete.`;
    return problem('file.lost', `The files of ${name} do not answer any more: ${error.message}`, {
      hint,
      cause: error,
    });
  }
  if (error instanceof SftpError) {
    const hint = 'What has its name already is complete.';
    return problem('file.refused-inside', `The files of ${name} refuse: ${error.message}`, { hint, cause: error });
  }
  return systemProblem(error);
}

function systemProblem(error: unknown): unknown {
  const code = codeOf(error) ?? '';
  // A defect, and none of the system's refusals.
  if (!/^E[A-Z0-9]+$/.test(code)) return error;
  const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code);
  return problem(isFull ? 'file.disk-full' : 'file.refused', `This host's disk refuses: ${messageOf(error)}`, {
    hint: 'What has its name already is complete, and what was there before is as it was.',
    cause: error,
  });
}

function endless(): Problem {
  return problem('file.too-much', 'The file goes on and on, beyond 64 GiB', { hint: limitsHint });
}

/** What to do about limits. */
export const limitsHint = 'If it is meant to be that much: --no-limits';

function problem(code: string, message: string, rest: { readonly hint: string; readonly cause?: unknown }): Problem {
  return new Problem({ code, message, ...rest });
}
