// Rewrites the package lists of the folders given, so that @parcel/watcher comes from the registry instead of a commit on GitHub.
const fs = require('fs');
const path = require('path');

const name = '@parcel/watcher', release = '2.5.1';
const isAddress = version => /[/#]/.test(version ?? '');

for (const folder of process.argv.slice(2)) {
  for (const file of ['package.json', 'npm-shrinkwrap.json'].map(f => path.join(folder, f)).filter(f => fs.existsSync(f))) {
    const list = JSON.parse(fs.readFileSync(file, 'utf8'));
    for (const part of [list, ...Object.values(list.packages ?? {})])
      for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'])
        if (isAddress(part[kind]?.[name])) part[kind][name] = release;
    for (const [key, part] of Object.entries(list.packages ?? {}))
      if (part.resolved?.includes('github.com')) delete list.packages[key];
    fs.writeFileSync(file, JSON.stringify(list, null, 2));
  }
}
