// The Python of tests: one virtual environment, made by uv and kept by the digest of what is in it.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, run } from '../process.ts';
import { cached, Missing } from './cache.ts';
import { debianPackages, isDebian, onPath } from './debian.ts';

const uvRequirement = 'uv>=0.9,<1';
const requirements = [
  ...['tensorboard>=2.20,<3', 'tensorboardX>=2.6,<3', 'scikit-learn>=1.7,<2', 'pillow>=11', 'hydra-core>=1.3,<2'],
  ...['fastapi>=0.115,<1', 'uvicorn>=0.30,<1', 'flask>=3,<4', 'httpx>=0.27,<1', 'dvc>=3.60,<4', 'dvc-s3>=3.2,<4'],
];

/** Environment variables for suites: `SLIPWAY_TEST_PYTHON`, `SLIPWAY_TEST_DVC` and `SLIPWAY_TEST_UV`. */
export async function preparePython(): Promise<NodeJS.ProcessEnv> {
  const python = await findPython();
  const uv = await findUv(python);
  const digest = createHash('sha256')
    .update([python, ...requirements].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const folder = await cached(`python-${digest}`, (target) => install(uv, python, target));
  const bin = path.join(folder, 'bin');
  return {
    SLIPWAY_TEST_PYTHON: path.join(bin, 'python'),
    SLIPWAY_TEST_DVC: path.join(bin, 'dvc'),
    SLIPWAY_TEST_UV: uv,
  };
}

/** The real interpreter behind `python3` (which may be a shim that depends on the folder it is called in). */
async function findPython(): Promise<string> {
  const ask = 'import sys; assert sys.version_info >= (3, 10); print(sys.executable)';
  const ended = await run({ argv: ['python3', '-c', ask], progress: 'python3' });
  if (ended.status === 0) return ended.output.trim();
  if (isDebian()) {
    await debianPackages(['python3', 'python3-venv', 'python3-pip'], 'the Python environment of tests');
    return '/usr/bin/python3';
  }
  throw new Missing('Python 3.10 or newer is not on the PATH as python3: install it.');
}

async function findUv(python: string): Promise<string> {
  const present = onPath('uv');
  if (present && (await run({ argv: [present, '--version'], progress: 'uv' })).status === 0) return present;
  const pip = await run({ argv: [python, '-m', 'pip', '--version'], progress: 'pip' });
  if (pip.status !== 0) {
    if (!isDebian()) throw new Missing('Neither uv nor pip is there: install uv (python3 -m pip install uv).');
    await debianPackages(['python3-venv', 'python3-pip'], 'the Python environment of tests');
  }
  const folder = await cached('uv', async (target) => {
    await must([python, '-m', 'pip', 'install', '--quiet', '--target', target, uvRequirement], 'installing uv');
  });
  const uv = path.join(folder, 'bin/uv');
  if (!existsSync(uv)) throw new Error(`${folder} holds no uv: delete that folder and run again.`);
  return uv;
}

async function install(uv: string, python: string, folder: string): Promise<void> {
  await must([uv, 'venv', '--quiet', '--relocatable', '--allow-existing', '--python', python, folder], 'uv venv');
  const argv = [uv, 'pip', 'install', '--quiet', '--python', path.join(folder, 'bin/python'), ...requirements];
  await must(argv, 'installing the Python packages of tests');
}

async function must(argv: string[], progress: string): Promise<void> {
  const env = childEnvironment({ UV_PYTHON_DOWNLOADS: 'never', VIRTUAL_ENV: undefined });
  const ended = await run({ argv, env, progress, limitMs: 15 * 60_000 });
  if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-3000)}`);
}
