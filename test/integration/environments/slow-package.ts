import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Writes a source package `slow` into a folder for `--find-links`. Its build backend (PEP 517, in the package itself)
 * writes its process id into the file `building` beside it, then waits for the file `gate`: a build stays halfway as
 * long as a test wants.
 */
export async function makeSlowPackage(folder: string, version = '1.0'): Promise<void> {
  const name = `slow-${version}`;
  const source = join(folder, name);
  await mkdir(source, { recursive: true });
  // Metadata 2.2 with nothing dynamic: a resolver needs no build.
  await writeFile(join(source, 'PKG-INFO'), `Metadata-Version: 2.2\nName: slow\nVersion: ${version}\n`);
  await writeFile(
    join(source, 'pyproject.toml'),
    `[project]\nname = "slow"\nversion = "${version}"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n`,
  );
  await writeFile(
    join(source, 'backend.py'),
    `
import os, time, zipfile
FOLDER = ${JSON.stringify(folder)}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open(os.path.join(FOLDER, "building.part"), "w") as file:
        file.write(str(os.getpid()))
    os.replace(file.name, os.path.join(FOLDER, "building"))
    while not os.path.exists(os.path.join(FOLDER, "gate")):
        if not os.path.isdir(FOLDER):
            raise SystemExit("the test is over")
        time.sleep(0.02)
    name = "${name}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr("slow.py", "SPEED = 0\\n")
        wheel.writestr("${name}.dist-info/METADATA", "Metadata-Version: 2.2\\nName: slow\\nVersion: ${version}\\n")
        wheel.writestr("${name}.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("${name}.dist-info/RECORD", "slow.py,,\\n${name}.dist-info/METADATA,,\\n${name}.dist-info/WHEEL,,\\n${name}.dist-info/RECORD,,\\n")
    return name
`,
  );
  await promisify(execFile)('tar', ['-czf', `${name}.tar.gz`, name], { cwd: folder });
}
