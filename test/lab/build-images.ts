import { cachedImage } from './image-cache.ts';

// Builds every image that labs use, so that no test has to wait for it. Usage: node test/lab/build-images.ts
for (const name of ['busybox', 'system'] as const) {
  const { rootfs } = await cachedImage(name);
  process.stdout.write(`${name}: ${rootfs}\n`);
}
