/** Whether there is a process of that number. */
export function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // No such process: kill(2).
    return false;
  }
}
