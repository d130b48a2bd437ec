/* SIGKILL at any moment, over and over: at random times, and at random calls that change files.  The same command goes on
 * from there, repeats nothing that was acknowledged, and ends with the same datasets. */
#include "tests/lib/acked.h"
#include "tests/lib/check.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEED     20261128u
#define PER_LIFE 10 /* kills of one run before it may end */

static uint64_t state = SEED;
static struct acked before, after;
static size_t n_kills, n_lives, n_lost, n_differ, n_left, n_strange;

static size_t draw(size_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (size_t)((state >> 11) % below);
}

/* Killed after so many microseconds; false: it had ended. */
static bool kill_later(unsigned us)
{
    pid_t pid = store_start("trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", "--batch=3"));
    struct timespec pause = { us / 1000000, us % 1000000 * 1000 };
    nanosleep(&pause, NULL);
    kill(pid, SIGKILL);
    struct store_end end = store_wait(pid, "trial");
    n_strange += !(end.signalled && end.status == 128 + SIGKILL) && end.status != 0;
    check(end.signalled || end.status == 0, "a resumed run: status %d: %s", end.status, end.message);
    return end.signalled;
}

static bool kill_at(size_t call)
{
    char at[64];
    snprintf(at, sizeof at, "SHIM_AT=%zu", call);
    struct store_end end = store_run("trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", "SHIM_FAULT=kill",
                                                             "SHIM_ON=any", "SHIM_MATCH=/trial", at, "--batch=3"));
    n_strange += !(end.signalled && end.status == 128 + SIGKILL) && end.status != 0;
    check(end.signalled || end.status == 0, "a resumed run, to be killed at call %zu: status %d: %s", call, end.status,
          end.message);
    return end.signalled;
}

/* One run, killed PER_LIFE times (fewer when kills_left is), then left alone. */
static size_t live(size_t kills_left)
{
    size_t kills = 0, tries = 0;
    unsigned longest = store_sanitized() ? 400000 : 60000;
    store_remove("trial");
    before.n = 0;
    while (kills < PER_LIFE && kills < kills_left && tries++ < 4 * PER_LIFE) {
        kills += draw(2) ? kill_later(500 + (unsigned)draw(longest)) : kill_at(1 + draw(160));
        acked_read(&after, store_path("trial"));
        size_t lost = acked_lost(&before, before.n, &after);
        n_lost += lost;
        check(lost == 0, "after %zu kills %zu of %zu frames are lost", kills, lost, before.n);
        before = after;
    }
    struct store_end end = store_run("trial", STORE_PLAIN);
    bool same = end.status == 0 && store_same("trial");
    n_differ += !same;
    check(same, "after %zu kills: status %d: %s %s", kills, end.status, end.message, h5same_difference());
    size_t left = store_n_aside("trial");
    n_left += left;
    check(left == 0, "after %zu kills: %zu files are left aside", kills, left);
    return kills;
}

int main(void)
{
    size_t wanted = store_trials(30, 1000);
    store_open("store_kill");
    while (n_kills < wanted && n_lives < wanted) {
        n_kills += live(wanted - n_kills);
        n_lives++;
    }
    check(n_kills >= wanted, "only %zu of %zu kills hit a running process", n_kills, wanted);
    printf("kills: %zu over %zu runs, seed %u, %zu frames lost, %zu differ, %zu strange ends, %zu files left aside\n",
           n_kills, n_lives, SEED, n_lost, n_differ, n_strange, n_left);
    store_close();
    return check_done("store_kill");
}
