#!/usr/bin/env python3
"""Fetch free music that git repositories hold, each at a fixed commit, as a data set like fetch_soundtracks.py's.

    python3 assets/fetch_git_music.py OUT

Needs git 2.22 or later, ffmpeg (its ffprobe), a connection to github.com, and Python 3.11 or later, its standard library
only. Of a repository only the files of the table below are downloaded: its commit is fetched without history and without
contents (`git fetch --depth 1 --filter=blob:none`), then file by file. About 500 MB, in a few minutes. To fetch from copies of
the repositories, say so to git: `git config --global url.<where>.insteadOf https://github.com/<owner>/<name>`.

What is kept: files whose licence the repository names, by the file that the table names, and nothing of a licence that
forbids commerce or changes. Of what a repository holds besides, the table leaves out versions that are other files' left
and right channels, sounds of nature, and jingles; files that last less than the table says are left out too.

OUT receives <label>/<file>, <label>/copyright (the file that names the licences) and manifest.csv with the columns of
fetch_soundtracks.py, where package is the repository and version the commit. Every row's split is train.

Idempotent and resumable: a file that is there with its row is not fetched again. A file or a repository that cannot be had
costs that only, with a word on stderr and exit code 1 at the end.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fetch_soundtracks import FetchError, digest, is_chosen, name_pieces, read_manifest, run, table, write_manifest

# repository | commit | label | least seconds | the file that names the licences
#     licence | its files; `*` spans folders, `?` is any character, what `-` stands before is left out
REPOSITORY_TABLE = """
cjthomas-opensource/mcmusic-kevin-macleod | 22cb68a5d78e2814ce3409768f79229fc24dda67 | macleod | 25 | LICENSE.md
    CC-BY-3.0 | music/*
C-C-Minetest-Server/phonograph_albumm_holiznacc0 | ce09fb19ea9a47d3444b00e31a417782118a8467 | holizna | 25 | LICENSE.md
    CC0-1.0 | phonographs/*.ogg -*_ch?.ogg
C-C-Minetest-Server/phonograph_album_mcl | 1f8cc82a444a2e792edc40fe320e8123a94f0b2e | voxelibre | 25 | LICENSE.md
    CC-BY-3.0 | *_jukebox_track_5.ogg
    CC-BY-SA-3.0 | *_jukebox_track_6.ogg *-traitor.ogg *_drm_theme.ogg
    CC0-1.0 | *_jukebox_track_?.ogg -*_track_5.ogg -*_track_6.ogg
    CC-BY-SA-4.0 | *_Jester-*.ogg *_exhale_and_*.ogg *_diminixed-*.ogg -*_ch?.ogg
C-C-Minetest-Server/phonograph_album_diarmuid | 5f857c98abf1652d965fb04b1b16e40b9c70302b | diarmuid | 25 | LICENSE.md
    CC-BY-SA-4.0 | phonographs/*.ogg
C-C-Minetest-Server/phonograph_album_helena | c9abe5564455bdc1b63ad27305cf058e5d6fbea2 | helena | 25 | LICENSE.md
    CC-BY-SA-4.0 | phonographs/*.ogg -*_ch?.ogg
Secretchronicles/TSC | 6cd32717a940924e70458662ad3082c5a1a6f6ee | tsc | 25 | tsc/data/music/land/land_1.txt
    CC-BY-SA-4.0 | */game/bossbattle_[12].ogg */land/castle_2.ogg */land/cave_1.ogg */land/factory_2.ogg */land/ghost_2.ogg */land/holdon_1.ogg */land/hyper_2.ogg
    CC-BY-4.0 | */land/blossem.ogg */land/land_[125].ogg */land/lost.ogg */land/reunion_1.ogg */land/water_1.ogg */story/*.ogg
    GPL | */game/bossbattle_3.ogg */game/lost_1.ogg */land/cave_[23].ogg */land/hyper_1.ogg */land/land_3.ogg
    CC-BY-SA-3.0 | */game/courseclear_AAA.ogg
    CC-BY-2.0 | */overworld/land_1.ogg
Tuxemon/Tuxemon | ca9b3362e158f31619a508cafc87b5be131a05c0 | tuxemon | 25 | ATTRIBUTIONS.md
    CC-BY-SA-4.0 | */music/A?Night* */music/A[lrs]*.ogg */music/Chibi* */music/Come* */music/Digital* */music/HHavok* */music/Jumpshot* */music/Prologue* */music/Searching* */music/Underclocked* */music/We're*
    CC-BY-SA-3.0 | */music/melody_eternal* */music/stand_with* */music/taking_poison* */music/Unending* */music/Valor* */music/We?Persist* */music/back34*
    CC-BY-3.0 | */music/8bit?airship* */music/TheAdventure* */music/lunar_joyride* */music/peasant* */music/Why_do* */JRPGCollection*.ogg */JRPG_princess* */JRPG_docks* */JRPG_town* */JRPG_battle[BF]* */JRPG_mysticIsle.ogg -*_slow.ogg
alemart/opensurge | bcb3466e10913f2d5f34dec848e0c2f3ee944883 | opensurge | 25 | src/misc/copyright_data.csv
    CC-BY-SA-3.0 | musics/theme.ogg musics/template.ogg musics/intro.ogg musics/sharp.ogg musics/invincible.ogg musics/winning_plusplus.ogg musics/menu.ogg musics/boss.ogg
    CC0-1.0 | musics/allegro.ogg musics/waterworks.ogg
    CC-BY-4.0 | musics/speed.ogg musics/title.ogg
    CC-BY-3.0 | musics/sunshine.ogg musics/gimacian.ogg musics/citychill.ogg musics/options.ogg
ValyriaTear/ValyriaTear | 1c882efff325c941c59aa59c93fb1256258ac845 | valyriatear | 25 | LICENSES.txt
    CC-BY-SA-3.0 | */accion-* */awareness_* */Caketown* */Soliloquy* */mountain_shrine* */Zander?Noriega*
    CC0-1.0 | */Battle_lost* */icy_wind* */Ove?Melaa* */shrine-OGA*
    CC-BY-3.0 | */dont_close* */house_in_a_forest* */sad_moment* */Welcome?to?Com* */the_recon_mission* */overworld_present*
    GPL-2+ | */music/Fanfare.ogg */heroism-OGA*
beat-feet/beat-feet | 77985c10eb19c7db811b44f56a4b2b48cb56337e | ds10forum | 25 | android/assets/README.md
    CC-BY-SA-3.0 | android/*/awakenings_* android/*/health_and_safety_* android/*/the_haunted_mansion_*
beat-feet/beat-feet | 77985c10eb19c7db811b44f56a4b2b48cb56337e | vivaldi | 25 | android/assets/README.md
    CC-BY-SA-3.0 | android/*/vivaldi.mp3
FreezingMoon/AncientBeast | 440fbfe122c896f6065b6ddf5077988a7f4ea378 | ancientbeast-epic | 25 | README.md
    CC-BY-SA-4.0 | assets/music/epic/*
FreezingMoon/AncientBeast | 440fbfe122c896f6065b6ddf5077988a7f4ea378 | ancientbeast-rock | 25 | README.md
    CC-BY-SA-4.0 | assets/music/rock/*
Mrbobrowitz/android_frameworks_base_derp | 6b2b3dacf09a4dea2cdb75af3553c8c48ca6bd7b | newwavelabs | 3 | NOTICE
    Apache-2.0 | data/sounds/newwavelabs/*.ogg -*Ding.ogg -*Noise* -*Alarm* -*Sonar* -*Player* -*Coin*
viniciusmioto/super_tux_party | 2b42088e1d7e66e21abc8df8a9c0911c28ab3f21 | supertuxparty | 25 | stk/licenses/LICENSE-MUSIC.md
    CC-BY-3.0 | stk/assets/music/boards/* stk/assets/music/menus/*
    CC0-1.0 | */escape?from?lava.ogg */harvest?food.ogg
    CC-BY-4.0 | */haunted?dreams.ogg
    CC-BY-SA-4.0 | */Iamcompiling_master.ogg
1olegshev/clue-cards | 69a674ca61088bdabc7a635a34a3755cb363e4c4 | clue-cards-lofi | 25 | public/sounds/music/ATTRIBUTION.md
    CC0-1.0 | public/sounds/music/*.mp3
Dior15/Tunely.fm | c6a98366eabbbda5861f949e32ab10b8b457cd20 | tunely | 25 | server/assets/music/LICENSE
    CC0-1.0 | server/assets/music/*.mp3
worldwidejimmy/tonescope | 4c1feab573a8e4e72f710fa3bfa556b3e2498e15 | tonescope | 25 | tonescope_calibration_tracks/LICENSE.txt
    CC0-1.0 | tonescope_calibration_tracks/full/*.mp3
OpenHV/OpenHV | d507035349b05a774baedbdebd2e60abb6c57895 | openhv | 25 | mods/hv/bits/audio/timbeek/README.md
    CC-BY-4.0 | mods/hv/bits/audio/timbeek/*.ogg
librosa/data | 450cdd8a002c98e7bdbfebb309fc1ed024001f77 | librosa | 25 | audio/Kevin_MacLeod_-_Vibe_Ace.txt
    public-domain | audio/Hungarian_Dance*.hq.ogg
    CC-BY-3.0 | audio/Karissa_Hobbs_-_Lets*.hq.ogg audio/Kevin_MacLeod*.hq.ogg
"""

SUFFIXES = {".ogg", ".mp3", ".wav", ".flac", ".opus", ".m4a", ".webm"}


@dataclass(frozen=True)
class Repository:
    """One entry of the table. `files`: (licence, patterns)."""

    name: str
    commit: str
    label: str
    least: float
    notice: str
    files: list

    def licence(self, path):
        """The licence of a file of the repository, None if it is not to be taken."""
        if Path(path).suffix.lower() in SUFFIXES:
            return next((licence for licence, patterns in self.files if is_chosen(path, patterns)), None)
        return None


def read_table():
    repositories = []
    for line in REPOSITORY_TABLE.strip().splitlines():
        fields = [field.strip() for field in line.split("|")]
        if line.startswith(" "):
            repositories[-1].files.append(tuple(fields))
        else:
            name, commit, label, least, notice = fields
            repositories.append(Repository(name, commit, label, float(least), notice, []))
    return repositories


def probe(path):
    """(seconds, tags in lower case) of an audio file; 0 seconds if it is none."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format=duration:format_tags:stream_tags", str(path)]
    done = subprocess.run(command, capture_output=True)
    if done.returncode != 0:
        return 0.0, {}
    found = json.loads(done.stdout)
    # Ogg has its tags on the stream.
    tags = {k.lower(): v for part in [*found.get("streams", []), found["format"]] for k, v in part.get("tags", {}).items()}
    return float(found["format"].get("duration", 0)), tags


def blob(git, path, target):
    """Downloads one file of the fetched commit."""
    part = target.with_name(target.name + ".part")
    with part.open("wb") as file:
        done = subprocess.run([*git, "cat-file", "blob", f"FETCH_HEAD:{path}"], stdout=file, stderr=subprocess.PIPE)
    if done.returncode != 0:
        part.unlink()
        raise FetchError(f"{path}: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    part.replace(target)


def fetch(repository, known, out, digests, failures):
    """Fetches what is missing of one repository, and returns its rows. `known` has its rows by path, `digests` the hash of each
    file kept so far."""
    home = out / repository.label
    home.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", folder]
        url = f"https://github.com/{repository.name}"
        run([*git, "init", "-q"])
        # A remote that gives contents when they are asked for, which is what cat-file then does.
        for key, value in {"url": url, "promisor": "true", "partialclonefilter": "blob:none"}.items():
            run([*git, "config", f"remote.origin.{key}", value])
        run([*git, "fetch", "-q", "--depth", "1", "--filter=blob:none", "origin", repository.commit])
        blob(git, repository.notice, home / "copyright")
        for path in run([*git, "ls-tree", "-r", "-z", "--name-only", "FETCH_HEAD"]).split("\0"):
            licence = repository.licence(path)
            if not licence:
                continue
            target = home / Path(path).name
            row = known.get(f"{repository.label}/{target.name}")
            if not target.exists() or not row or row["version"] != repository.commit:
                try:
                    blob(git, path, target)
                except FetchError as error:
                    failures.append(path)
                    print(f"{repository.label}: left out: {error}", file=sys.stderr)
                    continue
            seconds, tags = probe(target)
            if seconds < repository.least or digest(target) in digests:
                target.unlink()
                continue
            digests.add(digest(target))
            rows.append(
                {
                    "path": f"{repository.label}/{target.name}",
                    "label": repository.label,
                    "split": "train",
                    "album": tags.get("album") or repository.label,
                    "title": tags.get("title", ""),
                    "licence": licence,
                    "package": repository.name,
                    "version": repository.commit,
                    "seconds": f"{seconds:.1f}",
                }
            )
    if not rows:
        raise FetchError(f"none of the files of {repository.name} could be had")
    name_pieces(rows)
    return rows


def parse_arguments():
    parser = argparse.ArgumentParser(description="Fetch free music from git repositories, with a manifest.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write (made if missing)")
    parser.add_argument("--only", metavar="A,B,...", help="these labels only; the manifest keeps the others' rows")
    args = parser.parse_args()
    args.repositories = read_table()
    if args.only:
        wanted = set(args.only.split(","))
        unknown = wanted - {r.label for r in args.repositories}
        if unknown:
            parser.error(f"no label is called {', '.join(sorted(unknown))}")
        args.repositories = [r for r in args.repositories if r.label in wanted]
    return args


def main():
    args = parse_arguments()
    lacking = [program for program in ("git", "ffprobe") if not shutil.which(program)]
    if lacking:
        raise FetchError(f"needs {', '.join(lacking)}: apt-get install git ffmpeg")
    args.out.mkdir(parents=True, exist_ok=True)
    manifest = args.out / "manifest.csv"
    known = {row["path"]: row for row in read_manifest(manifest)}
    digests, failures = set(), []
    for number, repository in enumerate(args.repositories, 1):
        own = {path: row for path, row in known.items() if row["label"] == repository.label}
        try:
            rows = fetch(repository, own, args.out, digests, failures)
            known = {path: row for path, row in known.items() if path not in own}
            known.update({row["path"]: row for row in rows})
            print(f"{number}/{len(args.repositories)} {repository.label}: {len(rows)} tracks", file=sys.stderr)
        except (FetchError, OSError) as error:
            failures.append(repository.label)
            print(f"{number}/{len(args.repositories)} {repository.label}: left out: {error}", file=sys.stderr)
        write_manifest(manifest, known.values())
    print(table(list(known.values())))
    if failures:
        raise FetchError(f"{len(failures)} files or repositories are missing; the same command tries them again")


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(f"fetch_git_music: {error}")
    except KeyboardInterrupt:
        sys.exit("fetch_git_music: interrupted; the same command goes on")
