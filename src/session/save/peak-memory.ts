/** Most memory that this process has had in RAM, in bytes: getrusage(2), which counts in kilobytes. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1_024;
}
