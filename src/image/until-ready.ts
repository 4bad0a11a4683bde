import { pause, type Clock } from '../base/clock.ts';
import { isIncusError } from '../host/incus/errors.ts';
import { runScript, type Guest } from './guest.ts';

/** How long a container may take until programs can be run in it, in milliseconds. */
const patienceMs = 30_000;

/**
 * Waits for systemd where that is what runs: before it is done, what is put into /run is covered, and units cannot be started.
 * A system that never is done, because a unit fails or hangs, is built all the same.
 */
const script = `
case $(readlink -f /sbin/init) in */systemd) ;; *) exit 0 ;; esac
i=0
while [ $i -lt 150 ]; do
  case $(systemctl is-system-running 2>/dev/null) in running | degraded | maintenance) exit 0 ;; esac
  sleep 0.2
  i=$((i + 1))
done
`;

/** Wait until a build container has come up. @throws {IncusError} when no program can be run in it */
export async function untilReady(guest: Guest, clock: Clock): Promise<void> {
  const end = clock.monotonic() + patienceMs;
  for (;;) {
    try {
      await runScript(guest, script, { timeoutMs: 2 * patienceMs });
      return;
    } catch (error) {
      // In the first moments its init may not have made what running a program takes.
      if (!isIncusError(error) || clock.monotonic() > end) throw error;
      await pause(clock, 200, guest.signal);
      guest.signal.throwIfAborted();
    }
  }
}
