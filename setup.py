"Builds medxfer from settings.ini, where the name, version, requirements and entry points stand once."

import configparser, shlex, shutil
from pathlib import Path
from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
parser = configparser.ConfigParser(delimiters=['='])
parser.read(here / 'settings.ini', encoding='utf-8')
ini = parser['DEFAULT']
EXTRA = 'extra_'


class BuildWithKernels(build_py):
    "Copies Kaggle's kernels into the package that a wheel carries: a checkout has them beside it"

    def run(self):
        super().run()
        if self.editable_mode:
            return
        ignored = shutil.ignore_patterns('.ipynb_checkpoints')
        to = Path(self.build_lib, 'medxfer', 'kernels')
        shutil.copytree(here / 'kaggle_kernels', to, ignore=ignored, dirs_exist_ok=True)


setup(
    name=ini['lib_name'],
    version=ini['version'],
    description=ini['description'],
    long_description=(here / 'README.md').read_text(encoding='utf-8')
    if (here / 'README.md').exists()
    else '',
    long_description_content_type='text/markdown',
    author=ini['author'],
    author_email=ini['author_email'],
    url=ini['git_url'],
    license='Apache-2.0',
    keywords=ini['keywords'].split(),
    python_requires='>=' + ini['min_python'],
    packages=find_packages(include=['medxfer', 'medxfer.*']),
    # The Hydra groups are YAML, the report's page is HTML, the paper is LaTeX, the pretended GPU is C++: without this they would stay behind in a wheel.
    package_data={
        'medxfer': [
            'configs/**/*.yaml',
            'configs/*.yaml',
            'configs/*.html',
            'configs/*.tex',
            'testing/*.cpp',
        ]
    },
    zip_safe=False,
    install_requires=shlex.split(ini['requirements']),
    extras_require={
        'dev': shlex.split(ini['dev_requirements']),
        **{
            key.removeprefix(EXTRA): shlex.split(value)
            for key, value in ini.items()
            if key.startswith(EXTRA)
        },
    },
    cmdclass={'build_py': BuildWithKernels},
    entry_points={
        'console_scripts': [ini['console_scripts']],
        'nbdev': ['medxfer=medxfer._modidx:d'],
    },
)
