import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import {
  type BlobEntry,
  type HistogramValue,
  histogramOf,
  hparamsOf,
  layoutOf,
  onlyString,
  readValue,
  samplesOf,
  tailLogdir,
  textOfValue,
} from '../../../server/metrics/index.ts';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/events');

/** Every value that is no scalar of a fixture, by tag. */
async function blobsOf(writer: string): Promise<Map<string, BlobEntry[]>> {
  const blobs: BlobEntry[] = [];
  const signal = new AbortController().signal;
  const tail = tailLogdir(path.join(fixtures, writer), {
    signal,
    onDelivery: (delivery) => void blobs.push(...delivery.blobs),
  });
  await tail.finish();
  return Map.groupBy(blobs, ({ tag }) => tag);
}

for (const writer of ['pytorch', 'tensorflow']) {
  describe(`values that are no scalars, as ${writer} writes them`, () => {
    let blobs: Map<string, BlobEntry[]>;
    before(async () => {
      blobs = await blobsOf(writer);
    });
    const valuesOf = (tag: string) =>
      Promise.all(
        blobs
          .get(tag)!
          .map(async ({ file, offset }) => (await readValue(path.join(fixtures, writer, file), offset, tag))!),
      );

    it('are histograms with one edge more than counts, in rising order', async () => {
      const histograms = (await valuesOf('weights')).map((value) => histogramOf(value)!);
      assert.equal(histograms.length, 3);
      for (const { edges, counts } of histograms) {
        assert.equal(edges.length, counts.length + 1);
        assert.equal(
          counts.reduce((sum, count) => sum + count),
          200,
        );
        assert.deepEqual(
          edges,
          edges.toSorted((a, b) => a - b),
        );
      }
      const width = ({ edges }: HistogramValue) => edges.at(-1)! - edges[0]!;
      assert.ok(width(histograms[2]!) > width(histograms[0]!));
    });

    it('are images with their size', async () => {
      const name = blobs.has('picture') ? 'picture' : 'picture/image';
      assert.equal(blobs.get(name)![0]!.kind, 'images');
      const samples = samplesOf((await valuesOf(name))[1]!, 'images');
      assert.equal(samples.length, writer === 'pytorch' ? 1 : 2);
      for (const { mediaType, width, height, bytes } of samples) {
        assert.deepEqual([mediaType, width, height], ['image/png', 7, 5]);
        // A PNG's own word for its size (IHDR).
        assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [7, 5]);
      }
    });

    it('are sounds', async () => {
      const [value] = await valuesOf('sound');
      assert.equal(blobs.get('sound')![0]!.kind, 'audio');
      assert.deepEqual(
        samplesOf(value!, 'audio').map(({ mediaType }) => mediaType),
        ['audio/wav'],
      );
    });

    it('are texts', async () => {
      const tag = writer === 'pytorch' ? 'note/text_summary' : 'note';
      const [, second] = await valuesOf(tag);
      assert.equal(blobs.get(tag)![0]!.kind, 'text');
      assert.deepEqual(textOfValue(second!)!.texts, ['**step** 1']);
    });
  });
}

describe('values that only one writer writes', () => {
  const file = (writer: string) => path.join(fixtures, writer, readdirSync(path.join(fixtures, writer))[0]!);

  it('are tables of texts', async () => {
    const [entry] = (await blobsOf('tensorflow')).get('table')!;
    const value = await readValue(file('tensorflow'), entry!.offset, 'table');
    assert.deepEqual(textOfValue(value!), { shape: [2, 2], texts: ['a', 'b', 'c', 'd'] });
  });

  it('are hyperparameters', async () => {
    const entries = [...(await blobsOf('tensorflow')).values()].flat().filter(({ kind }) => kind === 'hparams');
    const values = await Promise.all(entries.map(({ offset, tag }) => readValue(file('tensorflow'), offset, tag)));
    const { values: found } = hparamsOf(values.map((value) => value!.pluginContent!));
    assert.deepEqual({ ...found }, { act: 'relu', bias: true, layers: 3, lr: 0.1 });
  });

  it('are layouts of custom scalars', async () => {
    const entry = [...(await blobsOf('pytorch')).values()].flat().find(({ kind }) => kind === 'custom_scalars')!;
    const value = await readValue(file('pytorch'), entry.offset, entry.tag);
    assert.deepEqual(layoutOf(onlyString(value!)!), {
      categories: [
        { title: 'Losses', closed: false, charts: [{ title: 'both', tags: ['train/loss.*'], margins: [] }] },
      ],
    });
  });

  it('are gone where their file is', async () => {
    assert.equal(await readValue(path.join(fixtures, 'none'), 0, 'a'), undefined);
    assert.equal(await readValue(file('pytorch'), 1, 'a'), undefined);
  });
});
