/*
 * Locks between threads. The first argument names the test, the second says how often it goes round. A lost wake-up
 * stands still for ever.
 */

#include <sys/types.h>
#include <sys/ddi.h>
#include <sys/ksynch.h>
#include <sys/sunddi.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static long rounds;

static kmutex_t lock;
static kcondvar_t changed;
static kcondvar_t room;
static krwlock_t rwlock;
static ksema_t semaphore;
static long counter;
static long twin;

/* Runs `body` in THREADS threads, each with its number, and `main_body` beside them. */
static void run(void *(*body)(void *), void (*main_body)(void))
{
    pthread_t threads[THREADS];
    long i;

    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
    if (main_body != NULL)
        main_body();
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void *count_under_mutex(void *number)
{
    long i;

    for (i = 0; i < rounds; i++) {
        if (i % 3 == (long)number % 3) {
            while (!mutex_tryenter(&lock))
                (void) sched_yield();
        } else {
            mutex_enter(&lock);
        }
        CHECK(mutex_owned(&lock));
        counter++;
        if (i % 7 == 0)
            (void) sched_yield();
        mutex_exit(&lock);
        CHECK(!mutex_owned(&lock));
    }
    return (NULL);
}

static void *try_enter(void *expected)
{
    int entered = mutex_tryenter(&lock);

    CHECK((entered != 0) == (expected != NULL));
    CHECK((mutex_owned(&lock) != 0) == (expected != NULL));
    if (entered)
        mutex_exit(&lock);
    return (NULL);
}

static void test_mutex(void)
{
    static kmutex_t zeroed;
    pthread_t other;

    CHECK(sizeof (kmutex_t) == 8);
    /* All zeroes are a mutex. */
    mutex_enter(&zeroed);
    CHECK(MUTEX_HELD(&zeroed));
    CHECK(!mutex_tryenter(&zeroed));
    mutex_exit(&zeroed);
    CHECK(MUTEX_NOT_HELD(&zeroed));

    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    mutex_enter(&lock);
    CHECK(pthread_create(&other, NULL, try_enter, NULL) == 0);
    CHECK(pthread_join(other, NULL) == 0);
    mutex_exit(&lock);
    CHECK(pthread_create(&other, NULL, try_enter, &lock) == 0);
    CHECK(pthread_join(other, NULL) == 0);

    run(count_under_mutex, NULL);
    CHECK(counter == THREADS * rounds);
    mutex_destroy(&lock);
    /* The memory can hold a mutex again. */
    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    mutex_enter(&lock);
    mutex_exit(&lock);
    mutex_destroy(&lock);
}

/* A queue of at most two numbers: even threads put, odd ones take. */
#define ROOM 2
static long queue[ROOM];
static int queued;

static void *put_or_take(void *number)
{
    long i;

    for (i = 0; i < rounds; i++) {
        mutex_enter(&lock);
        if ((long)number % 2 == 0) {
            while (queued == ROOM)
                cv_wait(&room, &lock);
            queue[queued++] = i + 1;
            cv_signal(&changed);
        } else {
            while (queued == 0)
                CHECK(cv_wait_sig(&changed, &lock) > 0);
            counter += queue[--queued];
            cv_signal(&room);
        }
        CHECK(mutex_owned(&lock));
        mutex_exit(&lock);
    }
    return (NULL);
}

static int arrived;
static long generation;

/* All threads meet in each round; the last to come wakes the others. */
static void *meet(void *number)
{
    long i;

    (void) number;
    for (i = 0; i < rounds; i++) {
        mutex_enter(&lock);
        if (++arrived == THREADS) {
            arrived = 0;
            generation++;
            cv_broadcast(&changed);
        } else {
            long before = generation;

            while (generation == before)
                cv_wait(&changed, &lock);
        }
        mutex_exit(&lock);
    }
    return (NULL);
}

static void test_condvar(void)
{
    CHECK(sizeof (kcondvar_t) == 2);
    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    cv_init(&changed, NULL, CV_DRIVER, NULL);
    cv_init(&room, NULL, CV_DRIVER, NULL);
    /* Nobody waits: nothing is remembered. */
    cv_signal(&changed);
    cv_broadcast(&changed);
    run(put_or_take, NULL);
    CHECK(queued == 0);
    CHECK(counter == THREADS / 2 * (rounds * (rounds + 1) / 2));
    run(meet, NULL);
    CHECK(generation == rounds && arrived == 0);
    cv_destroy(&room);
    cv_destroy(&changed);
    mutex_destroy(&lock);
}

static int said;

static void *say(void *number)
{
    (void) number;
    mutex_enter(&lock);
    said++;
    cv_broadcast(&changed);
    mutex_exit(&lock);
    return (NULL);
}

/* Waits for all threads to say something, with times that do not come. */
static void hear(void)
{
    clock_t left = 1;

    mutex_enter(&lock);
    while (said < THREADS) {
        switch (said) {
        case 0:
            left = cv_timedwait(&changed, &lock, ddi_get_lbolt() + 1000000000);
            break;
        case 1:
            left = cv_timedwait_sig(&changed, &lock, LONG_MAX);
            break;
        case 2:
            left = cv_reltimedwait(&changed, &lock, 1000000000, TR_CLOCK_TICK);
            break;
        default:
            left = cv_reltimedwait_sig(&changed, &lock, LONG_MAX, TR_SEC);
            break;
        }
        CHECK(left > 0);
        CHECK(mutex_owned(&lock));
    }
    mutex_exit(&lock);
}

static void test_timed(void)
{
    clock_t until;
    hrtime_t before;

    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    cv_init(&changed, NULL, CV_DRIVER, NULL);
    mutex_enter(&lock);
    until = ddi_get_lbolt() + 2;
    CHECK(cv_timedwait(&changed, &lock, until) == -1);
    CHECK(ddi_get_lbolt() >= until);
    CHECK(mutex_owned(&lock));
    CHECK(cv_timedwait(&changed, &lock, until) == -1);
    CHECK(cv_timedwait_sig(&changed, &lock, 0) == -1);
    CHECK(cv_timedwait_sig(&changed, &lock, -5) == -1);
    before = gethrtime();
    CHECK(cv_reltimedwait(&changed, &lock, drv_usectohz(20000), TR_CLOCK_TICK) == -1);
    CHECK(gethrtime() - before >= USEC2NSEC(20000));
    CHECK(cv_reltimedwait_sig(&changed, &lock, 0, TR_CLOCK_TICK) == -1);
    CHECK(cv_reltimedwait_sig(&changed, &lock, -1, TR_CLOCK_TICK) == -1);
    CHECK(mutex_owned(&lock));
    mutex_exit(&lock);
    run(say, hear);
    cv_destroy(&changed);
    mutex_destroy(&lock);
}

static void *read_or_write(void *number)
{
    long i;

    for (i = 0; i < rounds; i++) {
        switch ((i + (long)number) % 4) {
        case 0:
            rw_enter(&rwlock, RW_WRITER);
            CHECK(rw_write_held(&rwlock) && rw_lock_held(&rwlock) && !rw_read_held(&rwlock));
            CHECK(!rw_read_locked(&rwlock));
            counter++;
            (void) sched_yield();
            twin++;
            rw_downgrade(&rwlock);
            CHECK(!rw_write_held(&rwlock) && rw_read_locked(&rwlock));
            CHECK(counter == twin);
            break;
        case 1:
            rw_enter(&rwlock, RW_READER);
            CHECK(counter == twin);
            if (rw_tryupgrade(&rwlock)) {
                counter++;
                twin++;
            }
            break;
        default:
            rw_enter(&rwlock, RW_READER);
            CHECK(rw_read_held(&rwlock) && rw_read_locked(&rwlock));
            CHECK(counter == twin);
            (void) sched_yield();
            CHECK(counter == twin);
            break;
        }
        rw_exit(&rwlock);
    }
    return (NULL);
}

static void *write_once(void *number)
{
    (void) number;
    rw_enter(&rwlock, RW_WRITER);
    counter++;
    rw_exit(&rwlock);
    return (NULL);
}

/* A writer that waits keeps readers out, but not those that say so. */
static void test_waiting_writer(void)
{
    pthread_t writer;

    counter = 0;
    rw_enter(&rwlock, RW_READER);
    CHECK(pthread_create(&writer, NULL, write_once, NULL) == 0);
    while (rw_tryenter(&rwlock, RW_READER)) {
        rw_exit(&rwlock);
        (void) sched_yield();
    }
    CHECK(!rw_tryupgrade(&rwlock));
    rw_enter(&rwlock, (krw_t)2);
    CHECK(counter == 0);
    rw_exit(&rwlock);
    CHECK(counter == 0);
    rw_exit(&rwlock);
    rw_enter(&rwlock, RW_READER);
    CHECK(counter == 1);
    rw_exit(&rwlock);
    CHECK(pthread_join(writer, NULL) == 0);
}

static void test_rwlock(void)
{
    static krwlock_t zeroed;

    CHECK(sizeof (krwlock_t) == 8);
    CHECK(rw_tryenter(&zeroed, RW_WRITER));
    CHECK(!rw_tryenter(&zeroed, RW_READER) && !rw_tryenter(&zeroed, RW_WRITER));
    rw_exit(&zeroed);

    rw_init(&rwlock, NULL, RW_DRIVER, NULL);
    CHECK(!rw_lock_held(&rwlock));
    rw_enter(&rwlock, RW_READER);
    CHECK(rw_tryenter(&rwlock, RW_READER));
    CHECK(!rw_tryupgrade(&rwlock));
    CHECK(!rw_tryenter(&rwlock, RW_WRITER));
    rw_exit(&rwlock);
    CHECK(rw_tryupgrade(&rwlock));
    CHECK(RW_WRITE_HELD(&rwlock) && !RW_READ_HELD(&rwlock) && RW_LOCK_HELD(&rwlock));
    rw_exit(&rwlock);
    CHECK(!RW_LOCK_HELD(&rwlock));
    test_waiting_writer();
    counter = 0;
    run(read_or_write, NULL);
    CHECK(counter == twin && counter >= rounds);
    CHECK(!rw_lock_held(&rwlock));
    rw_destroy(&rwlock);
}

/* How many threads are within, and the most that ever were. */
static long within;
static long most;

static void *pass(void *number)
{
    long i;

    (void) number;
    for (i = 0; i < rounds; i++) {
        sema_p(&semaphore);
        mutex_enter(&lock);
        if (++within > most)
            most = within;
        mutex_exit(&lock);
        (void) sched_yield();
        mutex_enter(&lock);
        within--;
        counter++;
        mutex_exit(&lock);
        sema_v(&semaphore);
    }
    return (NULL);
}

/* What one thread gives, the others take: one of an item each. */
static void *take(void *number)
{
    long i;

    (void) number;
    for (i = 0; i < rounds; i++)
        CHECK(sema_p_sig(&semaphore) == 0);
    return (NULL);
}

static void give(void)
{
    long i;

    for (i = 0; i < THREADS * rounds; i++)
        sema_v(&semaphore);
}

static void test_semaphore(void)
{
    CHECK(sizeof (ksema_t) == 16);
    mutex_init(&lock, NULL, MUTEX_DRIVER, NULL);
    sema_init(&semaphore, 2, NULL, SEMA_DRIVER, NULL);
    CHECK(!sema_held(&semaphore));
    CHECK(sema_tryp(&semaphore) && sema_tryp(&semaphore) && !sema_tryp(&semaphore));
    CHECK(SEMA_HELD(&semaphore));
    sema_v(&semaphore);
    sema_v(&semaphore);
    run(pass, NULL);
    CHECK(counter == THREADS * rounds && within == 0 && most >= 1 && most <= 2);
    CHECK(sema_tryp(&semaphore) && sema_tryp(&semaphore) && !sema_tryp(&semaphore));
    run(take, give);
    CHECK(sema_held(&semaphore));
    sema_destroy(&semaphore);
    mutex_destroy(&lock);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        { "mutex", test_mutex },
        { "condvar", test_condvar },
        { "timed", test_timed },
        { "rwlock", test_rwlock },
        { "semaphore", test_semaphore },
    };
    size_t i;

    if (argc != 3)
        return (2);
    rounds = atol(argv[2]);
    for (i = 0; i < sizeof (tests) / sizeof (tests[0]); i++) {
        if (strcmp(argv[1], tests[i].name) == 0) {
            tests[i].test();
            return (0);
        }
    }
    return (2);
}
