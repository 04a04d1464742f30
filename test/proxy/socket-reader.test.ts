import { expect, test } from 'vitest';
import { ChunkReader } from '../../src/proxy/stream/socket-reader.ts';

const KIB = 1024;

/** What a socket with this reader does when `length` bytes are there; returns the size of the buffer it has now. */
function socketOf(reader: ChunkReader): (length: number) => number {
  const { buffer, callback } = reader.onread;
  const next = buffer as () => Uint8Array | undefined;
  let current = next() as Uint8Array;
  return (length) => {
    callback(Math.min(length, current.length), current);
    current = next() ?? current;
    return current.length;
  };
}

/** 64 KiB are there, again and again. */
function fill(read: (length: number) => number): number {
  for (let i = 0; i < 10; i++) read(64 * KIB);
  return read(64 * KIB);
}

test('a connection is read in as large pieces as it brings, and in small ones again when it no longer does', () => {
  const reader = new ChunkReader();
  const read = socketOf(reader);
  expect(read(300)).toBe(KIB);
  expect([read(64 * KIB), read(64 * KIB), read(64 * KIB), read(64 * KIB)]).toEqual([
    4 * KIB,
    16 * KIB,
    64 * KIB,
    64 * KIB,
  ]);
  for (let i = 0; i < 999; i++) expect(read(300)).toBe(64 * KIB);
  read(20 * KIB);
  for (let i = 0; i < 999; i++) expect(read(300)).toBe(64 * KIB);
  expect(read(300)).toBe(16 * KIB);
  reader.release();
});

test('what is still being written is not read over', () => {
  const reader = new ChunkReader();
  const seen: Buffer[] = [];
  reader.onChunk = (chunk) => {
    seen.push(chunk);
    if (seen.length === 2) reader.keep();
  };
  const read = socketOf(reader);
  for (let i = 0; i < 3; i++) read(100);
  expect(seen[1].buffer).toBe(seen[0].buffer);
  expect(seen[2].buffer).not.toBe(seen[1].buffer);
  reader.release();
});

test('thousands of busy connections hold 12 MiB between them, and what one gives back another may take', () => {
  const readers = Array.from({ length: 4000 }, () => new ChunkReader());
  const sizes = readers.map((reader) => fill(socketOf(reader)));
  const beyond = sizes.reduce((sum, size) => sum + size - KIB, 0);
  expect(beyond).toBeLessThanOrEqual(12 * KIB * KIB);
  expect(beyond).toBeGreaterThan(11 * KIB * KIB);
  expect(sizes.filter((size) => size === 64 * KIB).length).toBeGreaterThan(90);
  expect(sizes.filter((size) => size >= 4 * KIB).length).toBeGreaterThan(700);
  for (const reader of readers) reader.release();
  const late = new ChunkReader();
  expect(fill(socketOf(late))).toBe(64 * KIB);
  late.release();
});
