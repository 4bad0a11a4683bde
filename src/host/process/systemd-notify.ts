import { execa } from 'execa';

/** Tells systemd how a service is doing. Does nothing where no service manager asked. */
export type Notify = (state: string) => Promise<void>;

/**
 * Messages to the service manager that started this process: `READY=1`, `STATUS=…`, `WATCHDOG=1`, `STOPPING=1`.
 * Node has no datagram sockets of the unix family, so systemd-notify(1) sends them.
 *
 * @param env with NOTIFY_SOCKET where a service manager listens; see sd_notify(3)
 */
export function openNotify(env: NodeJS.ProcessEnv): Notify {
  if (!env['NOTIFY_SOCKET']) return async () => undefined;
  return async (state) => {
    // A service manager that does not hear from us acts by itself; there is nobody else to tell.
    await execa('systemd-notify', [state], { reject: false, timeout: 5_000 });
  };
}

/** How often the watchdog wants to hear from this process, in milliseconds: half its limit. Undefined without one. */
export function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const limitUs = Number(env['WATCHDOG_USEC']);
  return limitUs > 0 ? limitUs / 2_000 : undefined;
}
