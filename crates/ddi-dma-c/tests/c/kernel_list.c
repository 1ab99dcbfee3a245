/*
 * Lists against a model: objects of several lists are put, taken and moved at random, and after each step every list is
 * walked both ways. The argument is the number of steps.
 */

#include <sys/types.h>
#include <sys/kmem.h>
#include <sys/list.h>
#include <sys/stddef.h>

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: step %ld: %s\n", __FILE__, __LINE__, step, #condition); \
            exit(1); \
        } \
    } while (0)

#define LISTS 3
#define OBJECTS 24

struct object {
    char before[24];
    list_node_t node;
    int number;
};

static long step;

static list_t lists[LISTS];
static struct object *objects[OBJECTS];

/* The model: what each list holds, and in which list each object is, or -1. */
static struct object *model[LISTS][OBJECTS];
static int lengths[LISTS];
static int list_of[OBJECTS];

static unsigned long state = 0x9e3779b97f4a7c15;

static int at_random(int below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((int)(state % (unsigned long)below));
}

static void put(int list, int at, struct object *object)
{
    int i;

    for (i = lengths[list]++; i > at; i--)
        model[list][i] = model[list][i - 1];
    model[list][at] = object;
    list_of[object->number] = list;
}

static struct object *take(int list, int at)
{
    struct object *object = model[list][at];
    int i;

    lengths[list]--;
    for (i = at; i < lengths[list]; i++)
        model[list][i] = model[list][i + 1];
    list_of[object->number] = -1;
    return (object);
}

static void compare(void)
{
    struct object *object;
    int list, i;

    for (list = 0; list < LISTS; list++) {
        CHECK(list_is_empty(&lists[list]) == (lengths[list] == 0));
        object = list_head(&lists[list]);
        for (i = 0; i < lengths[list]; i++) {
            CHECK(object == model[list][i]);
            object = list_next(&lists[list], object);
        }
        CHECK(object == NULL);
        object = list_tail(&lists[list]);
        for (i = lengths[list] - 1; i >= 0; i--) {
            CHECK(object == model[list][i]);
            object = list_prev(&lists[list], object);
        }
        CHECK(object == NULL);
    }
    for (i = 0; i < OBJECTS; i++)
        CHECK((list_link_active(&objects[i]->node) != 0) == (list_of[i] >= 0));
}

/* Puts an object that is in no list into one. */
static void insert(int list, struct object *object)
{
    int length = lengths[list];
    int at = length > 0 ? at_random(length) : 0;

    switch (at_random(6)) {
    case 0:
        list_insert_head(&lists[list], object);
        put(list, 0, object);
        break;
    case 1:
        list_insert_tail(&lists[list], object);
        put(list, length, object);
        break;
    case 2:
        list_insert_after(&lists[list], NULL, object);
        put(list, 0, object);
        break;
    case 3:
        list_insert_before(&lists[list], NULL, object);
        put(list, length, object);
        break;
    case 4:
        list_insert_after(&lists[list], length > 0 ? model[list][at] : NULL, object);
        put(list, length > 0 ? at + 1 : 0, object);
        break;
    default:
        list_insert_before(&lists[list], length > 0 ? model[list][at] : NULL, object);
        put(list, at, object);
        break;
    }
}

static void move(int to, int from)
{
    int i;

    if (to == from)
        return;
    list_move_tail(&lists[to], &lists[from]);
    for (i = lengths[from]; i > 0; i--)
        put(to, lengths[to], take(from, 0));
}

/* Puts an object that is in no list in the place of one that is in this list. */
static void replace(int list, struct object *object)
{
    int at;

    if (lengths[list] == 0)
        return;
    at = at_random(lengths[list]);
    list_link_replace(&model[list][at]->node, &object->node);
    (void) take(list, at);
    put(list, at, object);
}

static void act(void)
{
    int list = at_random(LISTS);
    struct object *object = objects[at_random(OBJECTS)];
    int in = list_of[object->number];
    int i;

    if (in < 0 && at_random(4) == 0) {
        replace(list, object);
    } else if (in < 0) {
        insert(list, object);
    } else if (at_random(20) == 0) {
        move(list, in);
    } else if (at_random(3) == 0) {
        object = lengths[list] > 0 ? take(list, 0) : NULL;
        CHECK(list_remove_head(&lists[list]) == object);
    } else if (at_random(3) == 0) {
        object = lengths[list] > 0 ? take(list, lengths[list] - 1) : NULL;
        CHECK(list_remove_tail(&lists[list]) == object);
    } else {
        for (i = 0; model[in][i] != object; i++)
            continue;
        (void) take(in, i);
        list_remove(&lists[in], object);
        CHECK(object->node.list_next == NULL && object->node.list_prev == NULL);
    }
}

int main(int argc, char **argv)
{
    long steps = argc > 1 ? atol(argv[1]) : 0;
    int i;

    CHECK(sizeof (list_t) == 32 && sizeof (list_node_t) == 16);
    for (i = 0; i < LISTS; i++)
        list_create(&lists[i], sizeof (struct object), offsetof(struct object, node));
    for (i = 0; i < OBJECTS; i++) {
        /* Some links are made, some hold what the memory held. */
        objects[i] = kmem_alloc(sizeof (struct object), KM_SLEEP);
        objects[i]->number = i;
        if (i % 2 == 0)
            list_link_init(&objects[i]->node);
        list_of[i] = -1;
    }
    for (step = 1; step <= steps; step++) {
        act();
        compare();
    }
    for (i = 0; i < LISTS; i++) {
        while (list_remove_head(&lists[i]) != NULL)
            continue;
        list_destroy(&lists[i]);
    }
    for (i = 0; i < OBJECTS; i++)
        kmem_free(objects[i], sizeof (struct object));
    return (0);
}
