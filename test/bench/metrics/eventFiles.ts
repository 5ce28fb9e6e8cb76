// Event files for benchmarks, written fast: one `simple_value` an event, as most training writes them.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { record } from '../../../server/metrics/eventWriter.ts';
import { bytesField, doubleField, floatField, varintField, versionEvent } from '../../unit/metrics/eventWriter.ts';

export interface LogdirSize {
  runs: number;
  tags: number;
  steps: number;
}

/** Writes `runs` folders with one file each. */
export function writeLogdir(root: string, { runs, tags, steps }: LogdirSize): void {
  for (let run = 0; run < runs; run++) {
    const folder = path.join(root, `run${run}`);
    mkdirSync(folder, { recursive: true });
    const fd = openSync(path.join(folder, 'events.out.tfevents.1700000000.host'), 'w');
    writeSync(fd, record(versionEvent()));
    const names = Array.from({ length: tags }, (_, tag) => bytesField(1, `group${tag % 5}/metric${tag}`));
    for (let step = 0; step < steps; step++) {
      writeSync(
        fd,
        Buffer.concat(
          names.map((name, tag) =>
            scalarRecord(name, step, 1.7e9 + step * 0.1 + tag * 1e-3, Math.sin(step * (tag + 1) * 1e-3)),
          ),
        ),
      );
    }
    closeSync(fd);
  }
}

/** @param name field 1 of a Summary.Value */
export function scalarRecord(name: Buffer, step: number, wallTime: number, value: number): Buffer {
  const summaryValue = Buffer.concat([name, floatField(2, value)]);
  return record(
    Buffer.concat([doubleField(1, wallTime), varintField(2, step), bytesField(5, bytesField(1, summaryValue))]),
  );
}
