/*
 * Runs the block driver xxdisk.c on disks of three buses:
 *
 *     xxdisk                          on the disks that this page names
 *     xxdisk "sim:isa-disk?seed=3"    on this one
 *     xxdisk --whole sim:isa-disk     without windows: a bind gives all cookies
 *
 * For each, bufs of odd sizes are written from memory of all kinds, all asked for at once, and what is on the disk is
 * compared; then they are read back into other memory. The driver is compiled once: its attributes alone differ.
 */

#include <pthread.h>

#include "xxdisk.h"

#define XX_BUFS 24

struct disk {
    const char *name;
    ddi_dma_attr_t attr;
};

/* What the drivers of the disks state, after their names. */
static const struct disk disks[] = {
    { "isa-disk", { DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0 } },
    { "isa-sg-disk", { DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 17, 512, 0 } },
    { "sbus-disk", { DMA_ATTR_V0, 0xFF000000, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 512, 0 } },
    { "pci-disk", { DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, 17, 512, 0 } },
    { "latch-disk", { DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFF, 1, 1, 1, 0xFFFFFFFF, 0xFFFFFF, 1, 512, 0 } },
};

#define XX_DISKS (sizeof (disks) / sizeof (disks[0]))

/* Bufs that are not done yet. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int outstanding;

/* Called by biodone(9F) for each buf, in interrupt context. */
static int
ended(struct buf *bp)
{
    XX_CHECK(geterror(bp) == 0 && bp->b_resid == 0);
    (void) pthread_mutex_lock(&mutex);
    outstanding--;
    (void) pthread_cond_signal(&changed);
    (void) pthread_mutex_unlock(&mutex);
    return (0);
}

static unsigned char statics[XX_BUFS / 4][60000];

/* Memory of one of four kinds. */
static caddr_t
allocate(dev_info_t *dip, int i, size_t length)
{
    switch (i % 4) {
    case 0:
        return (ddi_dma_sim_alloc(dip, length));
    case 1:
        return (kmem_alloc(length, KM_SLEEP));
    case 2:
        XX_CHECK(length <= sizeof (statics[0]));
        return ((caddr_t)statics[i / 4]);
    default:
        return (malloc(length));
    }
}

static void
release(dev_info_t *dip, int i, caddr_t memory, size_t length)
{
    switch (i % 4) {
    case 0:
        ddi_dma_sim_free(dip, memory);
        break;
    case 1:
        kmem_free(memory, length);
        break;
    case 3:
        free(memory);
        break;
    }
}

/* One byte in front of each object and one behind it are nobody's to change. */
#define XX_GUARD 0xA5

struct object {
    caddr_t memory;
    size_t length, around;
    daddr_t block;
    struct buf *bp;
};

/* Sizes that are not round, at addresses that are not. */
static void
prepare(dev_info_t *dip, struct object *objects)
{
    daddr_t block = 3;
    unsigned random = 12345;
    int i;

    for (i = 0; i < XX_BUFS; i++) {
        struct object *o = &objects[i];

        random = random * 1103515245 + 12345;
        o->length = 1 + (random >> 8) % (i % 3 == 0 ? 59000 : 5000);
        o->around = o->length + 2;
        o->memory = allocate(dip, i, o->around);
        XX_CHECK(o->memory != NULL);
        o->block = block;
        block += (daddr_t)howmany(o->length, XX_BLOCK) + 1;
    }
}

/* Asks for all of them, and waits for the last. */
static void
transfer(dev_info_t *dip, struct object *objects, int way)
{
    int (*strategy)(struct buf *) = xx_dev_ops.devo_cb_ops->cb_strategy;
    int i;

    outstanding = XX_BUFS;
    for (i = 0; i < XX_BUFS; i++) {
        struct object *o = &objects[i];

        o->bp = xx_getbuf(o->memory + 1, o->length, o->block, way);
        o->bp->b_edev = makedevice(0, (minor_t)ddi_get_instance(dip));
        o->bp->b_iodone = ended;
        (void) strategy(o->bp);
    }
    (void) pthread_mutex_lock(&mutex);
    while (outstanding > 0)
        (void) pthread_cond_wait(&changed, &mutex);
    (void) pthread_mutex_unlock(&mutex);
    ddi_dma_sim_settle(dip);
    for (i = 0; i < XX_BUFS; i++)
        freerbuf(objects[i].bp);
}

static int windows = 1;

static void
run(const char *name, const ddi_dma_attr_t *attr)
{
    dev_info_t *dip = xx_open(name);
    struct object objects[XX_BUFS];
    struct xxcounts counts;
    int i;

    xx_dma_attr = *attr;
    XX_CHECK(ddi_prop_update_int(DDI_DEV_T_NONE, dip, "xx-windows", windows) == DDI_PROP_SUCCESS);
    XX_CHECK(xx_dev_ops.devo_attach(dip, DDI_ATTACH) == DDI_SUCCESS);
    prepare(dip, objects);
    for (i = 0; i < XX_BUFS; i++)
        xx_fill(objects[i].memory + 1, objects[i].length, (unsigned)i);
    transfer(dip, objects, B_WRITE);
    for (i = 0; i < XX_BUFS; i++) {
        struct object *o = &objects[i];

        XX_CHECK(xx_on_disk(dip, (uint64_t)o->block, o->length, (unsigned)i));
        (void) memset(o->memory, XX_GUARD, o->around);
    }
    transfer(dip, objects, B_READ);
    for (i = 0; i < XX_BUFS; i++) {
        struct object *o = &objects[i];

        XX_CHECK(xx_filled(o->memory + 1, o->length, (unsigned)i));
        XX_CHECK((uchar_t)o->memory[0] == XX_GUARD && (uchar_t)o->memory[o->around - 1] == XX_GUARD);
        release(dip, i, o->memory, o->around);
    }
    xx_counts(dip, &counts);
    XX_CHECK(counts.transfers == 2 * XX_BUFS && counts.failed == 0);
    XX_CHECK(xx_dev_ops.devo_detach(dip, DDI_DETACH) == DDI_SUCCESS);
    ddi_dma_close(dip);
    (void) printf("%s: %u bufs moved\n", name, counts.transfers);
}

/* The attributes of the disk that a name stands for. */
static const ddi_dma_attr_t *
attributes_of(const char *name)
{
    size_t i, length;

    for (i = 0; i < XX_DISKS; i++) {
        length = strlen(disks[i].name);
        if (strncmp(name, "sim:", 4) == 0 && strncmp(name + 4, disks[i].name, length) == 0 &&
            (name[4 + length] == '\0' || name[4 + length] == '?'))
            return (&disks[i].attr);
    }
    (void) fprintf(stderr, "%s is none of the disks that this program knows\n", name);
    exit(2);
}

int
main(int argc, char **argv)
{
    size_t i;

    if (argc > 1 && strcmp(argv[1], "--whole") == 0) {
        windows = 0;
        argc--;
        argv++;
    }
    XX_CHECK(_init() == 0);
    for (i = 1; (int)i < argc; i++)
        run(argv[i], attributes_of(argv[i]));
    for (i = 0; argc == 1 && i < XX_DISKS; i++) {
        char name[40];

        (void) snprintf(name, sizeof (name), "sim:%s", disks[i].name);
        run(name, &disks[i].attr);
    }
    XX_CHECK(_fini() == 0);
    return (0);
}
