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

/** In an environment of its own: it brings many packages, and wants others of some than those above do. */
const mlflowRequirements = ['mlflow>=3,<4', 'scikit-learn>=1.7,<2'];

/** Too large for the environment of all tests: the model servers of ONNX models only. */
const onnxRequirements = [
  ...['onnxruntime>=1.20,<2', 'onnx>=1.17,<2'],
  ...['fastapi>=0.115,<1', 'uvicorn>=0.30,<1', 'flask>=3,<4'],
];

/** Environment variables for suites: `SLIPWAY_TEST_PYTHON`, `_MLFLOW` (a Python too), `_DVC` and `_UV`. */
export async function preparePython(): Promise<NodeJS.ProcessEnv> {
  const python = await findPython();
  const uv = await findUv(python);
  const bin = path.join(await environment('python', uv, python, requirements), 'bin');
  const mlflow = path.join(await environment('mlflow', uv, python, mlflowRequirements), 'bin');
  return {
    SLIPWAY_TEST_PYTHON: path.join(bin, 'python'),
    SLIPWAY_TEST_MLFLOW: path.join(mlflow, 'python'),
    SLIPWAY_TEST_DVC: path.join(bin, 'dvc'),
    SLIPWAY_TEST_UV: uv,
  };
}

/** `SLIPWAY_TEST_ONNX_PYTHON`, where the package index offers onnxruntime for this machine; else nothing, with the reason. */
export async function prepareOnnx(): Promise<NodeJS.ProcessEnv> {
  const python = await findPython();
  try {
    const folder = await environment('onnx', await findUv(python), python, onnxRequirements);
    return { SLIPWAY_TEST_ONNX_PYTHON: path.join(folder, 'bin/python') };
  } catch (error) {
    console.log(`Tests with ONNX models are skipped: ${(error as Error).message}`);
    return {};
  }
}

function environment(name: string, uv: string, python: string, packages: readonly string[]): Promise<string> {
  const digest = createHash('sha256')
    .update([python, ...packages].join('\n'))
    .digest('hex')
    .slice(0, 12);
  return cached(`${name}-${digest}`, (target) => installPython(uv, python, target, packages));
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

/** Makes a virtual environment with `packages` (requirements as pip writes them) in an empty folder. */
export async function installPython(
  uv: string,
  python: string,
  folder: string,
  packages: readonly string[],
): Promise<void> {
  await must([uv, 'venv', '--quiet', '--relocatable', '--allow-existing', '--python', python, folder], 'uv venv');
  const argv = [uv, 'pip', 'install', '--quiet', '--python', path.join(folder, 'bin/python'), ...packages];
  await must(argv, 'installing the Python packages of tests');
}

async function must(argv: string[], progress: string): Promise<void> {
  const env = childEnvironment({ UV_PYTHON_DOWNLOADS: 'never', VIRTUAL_ENV: undefined });
  const ended = await run({ argv, env, progress, limitMs: 15 * 60_000 });
  if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-3000)}`);
}
