import assert from 'node:assert/strict';
import { parseGpus } from '../../../server/runtimes/local/gpus.ts';

const gpuTable = `0, GPU-6f2a, NVIDIA A100-SXM4-80GB, 81920
1, GPU-77b1, NVIDIA A100-SXM4-80GB, 81920
2, GPU-8c03, NVIDIA GB10, [N/A]
`;

describe('GPUs of this machine', () => {
  it('are told with index, product and memory in bytes, null where the driver does not tell', async () => {
    const gpus = await parseGpus(gpuTable, '', async () => true);
    assert.deepEqual(
      gpus.map(({ index, product, memoryBytes }) => [index, product, memoryBytes]),
      [
        [0, 'NVIDIA A100-SXM4-80GB', 81920 * 1024 * 1024],
        [1, 'NVIDIA A100-SXM4-80GB', 81920 * 1024 * 1024],
        [2, 'NVIDIA GB10', null],
      ],
    );
  });

  it('are busy by foreign processes only, not by ours', async () => {
    const gpus = await parseGpus(gpuTable, 'GPU-6f2a, 100\nGPU-77b1, 100\nGPU-77b1, 200\n', async (pid) => pid === 100);
    assert.deepEqual(
      gpus.map(({ busyByForeign }) => busyByForeign),
      [false, true, false],
    );
  });
});
