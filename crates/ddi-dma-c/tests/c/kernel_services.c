/* What a kernel does for its drivers beside locks and lists. The argument names the test. */

#include <sys/types.h>
#include <sys/cmn_err.h>
#include <sys/conf.h>
#include <sys/ddi.h>
#include <sys/ddifm.h>
#include <sys/debug.h>
#include <sys/kmem.h>
#include <sys/modctl.h>
#include <sys/sunddi.h>

#include <ddi_dma.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static dev_info_t *open_device(const char *name)
{
    char error[200];
    dev_info_t *dip = ddi_dma_open(name, error, sizeof (error));

    if (dip == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return (dip);
}

static void test_kmem(void)
{
    static const size_t sizes[] = { 1, 7, 8, 16, 24, 100, 4095, 4096, 4097, 8192, 1 << 20 };
    unsigned char *memory[sizeof (sizes) / sizeof (sizes[0])];
    size_t i, j;

    CHECK(kmem_alloc(0, KM_SLEEP) == NULL);
    CHECK(kmem_zalloc(0, KM_NOSLEEP) == NULL);
    kmem_free(NULL, 0);
    for (i = 0; i < sizeof (sizes) / sizeof (sizes[0]); i++) {
        memory[i] = i % 2 == 0 ? kmem_alloc(sizes[i], KM_SLEEP) : kmem_zalloc(sizes[i], KM_NOSLEEP_LAZY);
        CHECK(memory[i] != NULL);
        CHECK((uintptr_t)memory[i] % (sizes[i] % 4096 == 0 ? 4096 : 16) == 0);
        for (j = 0; i % 2 != 0 && j < sizes[i]; j++)
            CHECK(memory[i][j] == 0);
        memset(memory[i], 0xa5, sizes[i]);
    }
    for (i = 0; i < sizeof (sizes) / sizeof (sizes[0]); i++)
        kmem_free(memory[i], sizes[i]);
    /* More than any machine has. */
    CHECK(kmem_alloc((size_t)1 << 62, KM_NOSLEEP) == NULL);
    CHECK(kmem_zalloc(SIZE_MAX, KM_NOSLEEP) == NULL);
}

/* What nobody frees any more. */
static void test_kmem_leak(void)
{
    void *volatile memory = kmem_alloc(48, KM_SLEEP);

    CHECK(memory != NULL);
    memory = kmem_alloc(4096, KM_SLEEP);
    CHECK(memory != NULL);
    memory = NULL;
}

static void pass_on(int level, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vcmn_err(level, format, ap);
    va_end(ap);
}

static void pass_on_of(dev_info_t *dip, int level, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vdev_err(dip, level, format, ap);
    va_end(ap);
}

static void test_messages(void)
{
    dev_info_t *dip = open_device("sim:isa-disk?seed=7");
    char longer[2001];

    cmn_err(CE_CONT, "continued");
    cmn_err(CE_CONT, " %d %s\n", 17, "times");
    cmn_err(CE_NOTE, "a notice of %lu bytes", 4096ul);
    cmn_err(CE_WARN, "!a warning for the log");
    cmn_err(CE_NOTE, "^a notice for the console");
    cmn_err(CE_CONT, "?a word for who wants many\n");
    cmn_err(CE_NOTE, "??%%");
    cmn_err(CE_IGNORE, "nothing");
    cmn_err(CE_NOTE, "%d %d %d %d %d %d %d %.1f %s", 1, 2, 3, 4, 5, 6, 7, 8.5, "9");
    pass_on(CE_WARN, "%s %c", "passed on", '!');
    cmn_err(CE_CONT, "?reg=0x%b\n", 13, "\020\3Intr\2Err\1Enable");
    cmn_err(CE_CONT, "%b %s %08b.\n", 9, "\010\040High\1Low", "and", -2147483647 - 1, "\020\040High\1Low");
    cmn_err(CE_CONT, "%5d|%-5s|%ld|%llx|%c|%.2f|%Lg|%*d|%.*s|%5.1f%%|%b\n", 42, "ab", -1L, 0xfedcba9876543210ull, 'c',
        1.5, (long double)2.25, 4, 7, 2, "wxyz", 99.44, 0, "\0121\1One");
    dev_err(dip, CE_WARN, "!no answer in %d s", 5);
    pass_on_of(dip, CE_CONT, "?sector %llx\n", 0x123456789abcull);
    ddi_report_dev(dip);
    ddi_fm_service_impact(dip, DDI_SERVICE_LOST);
    ddi_fm_service_impact(dip, DDI_SERVICE_DEGRADED);
    ddi_fm_service_impact(dip, DDI_SERVICE_UNAFFECTED);
    ddi_fm_service_impact(dip, DDI_SERVICE_RESTORED);
    memset(longer, 'x', sizeof (longer) - 1);
    longer[sizeof (longer) - 1] = '\0';
    cmn_err(CE_NOTE, "%s.", longer);
    ddi_dma_close(dip);
}

struct soft {
    int unit;
    char rest[500];
};

static void test_soft_state(void)
{
    static void *state;
    struct soft *soft;
    size_t i;

    CHECK(ddi_soft_state_init(NULL, sizeof (struct soft), 1) == EINVAL);
    CHECK(ddi_soft_state_init(&state, 0, 1) == EINVAL);
    CHECK(ddi_soft_state_init(&state, sizeof (struct soft), 1) == 0);
    CHECK(state != NULL);
    CHECK(ddi_get_soft_state(state, 0) == NULL);
    CHECK(ddi_soft_state_zalloc(state, 3) == DDI_SUCCESS);
    CHECK(ddi_soft_state_zalloc(state, 3) == DDI_FAILURE);
    CHECK(ddi_soft_state_zalloc(state, -1) == DDI_FAILURE);
    CHECK(ddi_soft_state_zalloc(state, INT_MAX) == DDI_SUCCESS);
    soft = ddi_get_soft_state(state, 3);
    CHECK(soft != NULL && soft->unit == 0);
    for (i = 0; i < sizeof (soft->rest); i++)
        CHECK(soft->rest[i] == 0);
    soft->unit = 3;
    CHECK(ddi_get_soft_state(state, 3) == soft && ddi_get_soft_state(state, INT_MAX) != soft);
    ddi_soft_state_free(state, 3);
    CHECK(ddi_get_soft_state(state, 3) == NULL);
    ddi_soft_state_free(state, 3);
    /* What is left goes with the rest. */
    ddi_soft_state_fini(&state);
    CHECK(state == NULL);
    ddi_soft_state_fini(&state);
    ddi_soft_state_free(state, 0);
    CHECK(ddi_soft_state_zalloc(state, 0) == DDI_FAILURE);
}

static void test_properties(void)
{
    dev_info_t *dip = open_device("sim:pci-disk");
    dev_t dev = makedevice(17, 4);
    int value = 0, length = 0;
    caddr_t allocated;

    CHECK(ddi_prop_get_int(DDI_DEV_T_ANY, dip, 0, "depth", -5) == -5);
    CHECK(ddi_prop_exists(DDI_DEV_T_ANY, dip, 0, "depth") == 0);
    CHECK(ddi_prop_remove(DDI_DEV_T_NONE, dip, "depth") == DDI_PROP_NOT_FOUND);
    CHECK(ddi_prop_update_int(DDI_DEV_T_ANY, dip, "depth", 1) == DDI_PROP_INVAL_ARG);
    CHECK(ddi_prop_update_int(DDI_DEV_T_NONE, dip, "", 1) == DDI_PROP_INVAL_ARG);
    CHECK(ddi_prop_update_int(DDI_DEV_T_NONE, dip, NULL, 1) == DDI_PROP_INVAL_ARG);
    CHECK(ddi_prop_update_int(DDI_DEV_T_NONE, dip, "depth", 8) == DDI_PROP_SUCCESS);
    CHECK(ddi_prop_update_int(DDI_DEV_T_NONE, dip, "depth", 16) == DDI_PROP_SUCCESS);
    CHECK(ddi_prop_update_int(dev, dip, "blocks", 2048) == DDI_PROP_SUCCESS);
    CHECK(ddi_prop_get_int(DDI_DEV_T_ANY, dip, DDI_PROP_DONTPASS, "depth", 0) == 16);
    CHECK(ddi_prop_exists(DDI_DEV_T_NONE, dip, 0, "depth") == 1);
    CHECK(ddi_prop_get_int(dev, dip, 0, "depth", 0) == 0);
    CHECK(ddi_prop_get_int(dev, dip, 0, "blocks", 0) == 2048);
    CHECK(ddi_prop_get_int(DDI_DEV_T_NONE, dip, 0, "blocks", 0) == 0);
    CHECK(ddi_prop_get_int(DDI_DEV_T_ANY, dip, 0, "blocks", 0) == 2048);

    CHECK(ddi_prop_op(dev, dip, PROP_EXISTS, 0, "blocks", NULL, NULL) == DDI_PROP_SUCCESS);
    CHECK(ddi_prop_op(dev, dip, PROP_EXISTS, 0, "depth", NULL, NULL) == DDI_PROP_NOT_FOUND);
    CHECK(ddi_prop_op(dev, dip, PROP_LEN, 0, "blocks", NULL, &length) == DDI_PROP_SUCCESS && length == 4);
    length = 3;
    CHECK(ddi_prop_op(dev, dip, PROP_LEN_AND_VAL_BUF, 0, "blocks", (caddr_t)&value, &length) ==
        DDI_PROP_BUF_TOO_SMALL);
    CHECK(length == 4 && value == 0);
    CHECK(ddi_prop_op(dev, dip, PROP_LEN_AND_VAL_BUF, 0, "blocks", (caddr_t)&value, &length) ==
        DDI_PROP_SUCCESS);
    CHECK(length == 4 && value == 2048);
    CHECK(ddi_prop_op(dev, dip, PROP_LEN_AND_VAL_ALLOC, DDI_PROP_CANSLEEP, "blocks", (caddr_t)&allocated,
        &length) == DDI_PROP_SUCCESS);
    CHECK(length == 4 && memcmp(allocated, &value, 4) == 0);
    kmem_free(allocated, 4);

    CHECK(ddi_prop_remove(DDI_DEV_T_NONE, dip, "depth") == DDI_PROP_SUCCESS);
    CHECK(ddi_prop_exists(DDI_DEV_T_ANY, dip, 0, "depth") == 0);
    ddi_prop_remove_all(dip);
    CHECK(ddi_prop_exists(DDI_DEV_T_ANY, dip, 0, "blocks") == 0);
    ddi_dma_close(dip);
}

static void test_device(void)
{
    dev_info_t *isa = open_device("sim:isa-disk?seed=7");
    dev_info_t *pci = open_device("sim:pci-disk");
    int capabilities = DDI_FM_DMACHK_CAPABLE | DDI_FM_ACCCHK_CAPABLE;
    ddi_fm_error_t error;
    ddi_dma_attr_t attr = { DMA_ATTR_V0, 0, 0xffffff, 0xffff, 1, 1, 1, 0xffffffff, 0xffff, 1, 1, 0 };
    ddi_device_acc_attr_t access = { DDI_DEVICE_ATTR_V0, DDI_NEVERSWAP_ACC, DDI_STRICTORDER_ACC, 0 };
    ddi_dma_handle_t handle;
    ddi_acc_handle_t words;
    caddr_t memory;
    size_t length;

    CHECK(ddi_get_instance(isa) == 0 && ddi_get_instance(pci) == 1);
    CHECK(strcmp(ddi_get_name(isa), "isa-disk") == 0);
    CHECK(strcmp(ddi_binding_name(isa), "isa-disk") == 0);
    CHECK(strcmp(ddi_node_name(pci), "pci-disk") == 0);
    CHECK(strcmp(ddi_driver_name(pci), "pci-disk") == 0);
    CHECK(strcmp(ddi_get_name_addr(pci), "0") == 0);
    CHECK(ddi_get_name(isa) == ddi_get_name(isa));
    CHECK(ddi_get_driver_private(isa) == NULL);
    ddi_set_driver_private(isa, &error);
    CHECK(ddi_get_driver_private(isa) == &error && ddi_get_driver_private(pci) == NULL);

    ddi_fm_init(isa, &capabilities, NULL);
    CHECK(capabilities == DDI_FM_NOT_CAPABLE && ddi_fm_capable(isa) == DDI_FM_NOT_CAPABLE);
    CHECK(sizeof (ddi_fm_error_t) == 56);
    CHECK(ddi_dma_alloc_handle(isa, &attr, DDI_DMA_DONTWAIT, NULL, &handle) == DDI_SUCCESS);
    CHECK(ddi_dma_mem_alloc(handle, 512, &access, DDI_DMA_CONSISTENT, DDI_DMA_DONTWAIT, NULL, &memory, &length,
        &words) == DDI_SUCCESS);
    memset(&error, 0xff, sizeof (error));
    ddi_fm_dma_err_get(handle, &error, DDI_FME_VERSION);
    CHECK(error.fme_status == DDI_FM_OK && error.fme_version == DDI_FME_VERSION && error.fme_ena == 0);
    CHECK(error.fme_dma_handle == handle && error.fme_acc_handle == NULL);
    CHECK(error.fme_bus_type == DDI_FME_BUS_TYPE_DFLT);
    memset(&error, 0xff, sizeof (error));
    ddi_fm_acc_err_get(words, &error, DDI_FME_VER0);
    CHECK(error.fme_status == DDI_FM_OK && error.fme_dma_handle == NULL && error.fme_acc_handle == words);
    CHECK(error.fme_bus_type == -1);
    ddi_fm_dma_err_clear(handle, DDI_FME_VERSION);
    ddi_fm_acc_err_clear(words, DDI_FME_VERSION);
    CHECK(ddi_check_dma_handle(handle) == DDI_SUCCESS && ddi_check_acc_handle(words) == DDI_SUCCESS);
    ddi_dma_mem_free(&words);
    ddi_dma_free_handle(&handle);
    ddi_fm_fini(isa);
    ddi_dma_close(isa);
    ddi_dma_close(pci);
}

static void test_time(void)
{
    hrtime_t before = gethrtime();
    clock_t tick = ddi_get_lbolt();

    CHECK(drv_usectohz(0) == 0 && drv_usectohz(1) == 1 && drv_usectohz(10000) == 1);
    CHECK(drv_usectohz(10001) == 2 && drv_usectohz(1000000) == 100 && drv_usectohz(LONG_MAX) > 0);
    CHECK(drv_hztousec(0) == 0 && drv_hztousec(1) == 10000 && drv_hztousec(LONG_MAX) == LONG_MAX);
    drv_usecwait(-1);
    drv_usecwait(500);
    CHECK(gethrtime() - before >= USEC2NSEC(500));
    delay(0);
    delay(1);
    CHECK(ddi_get_lbolt() > tick && ddi_get_lbolt64() > tick);
    CHECK(ddi_get_time() > 1600000000);
}

static struct modldrv modldrv = { &mod_driverops, "A driver whose name is longer than there is room for", NULL };
static struct modlmisc modlmisc = { &mod_miscops, "its other part" };
static struct modlinkage modlinkage = { MODREV_1, { &modldrv, &modlmisc, NULL } };

static void test_module(void)
{
    struct modlinkage other = { MODREV_1, { &modldrv, NULL } };
    struct modlinkage empty = { MODREV_1, { NULL } };
    struct modinfo info;

    CHECK(mod_remove(&modlinkage) == EINVAL);
    CHECK(mod_install(&empty) == EINVAL && mod_install(NULL) == EINVAL);
    CHECK(mod_install(&modlinkage) == 0);
    CHECK(mod_install(&modlinkage) == EBUSY && mod_install(&other) == EBUSY);
    memset(&info, 0xff, sizeof (info));
    CHECK(mod_info(&modlinkage, &info) == 1 && mod_info(&empty, &info) == 0);
    CHECK(info.mi_rev == MODREV_1);
    CHECK(strcmp(info.mi_msinfo[0].msi_linkinfo, "A driver whose name is longer t") == 0);
    CHECK(strcmp(info.mi_msinfo[1].msi_linkinfo, "its other part") == 0);
    CHECK(info.mi_msinfo[2].msi_linkinfo[0] == '\0');
    CHECK(mod_remove(&other) == EINVAL);
    CHECK(mod_remove(&modlinkage) == 0);
    CHECK(mod_install(&other) == 0 && mod_remove(&other) == 0);
}

static void test_entry(void)
{
    char from[4] = "abc", to[4] = "";
    short revents = 0;

    CHECK(nodev() == ENXIO && nulldev() == 0);
    CHECK(nochpoll(0, 0, 0, &revents, NULL) == ENXIO);
    CHECK(ddi_no_info(NULL, DDI_INFO_DEVT2INSTANCE, NULL, NULL) == DDI_FAILURE);
    CHECK(ddi_quiesce_not_needed(NULL) == DDI_SUCCESS && ddi_quiesce_not_supported(NULL) == DDI_FAILURE);
    CHECK(ddi_in_panic() == 0);
    CHECK(ddi_copyin(from, to, 4, 0) == 0 && strcmp(to, "abc") == 0);
    CHECK(ddi_copyout(from + 1, to, 3, 0) == 0 && strcmp(to, "bc") == 0);
    CHECK(ddi_copyin(NULL, to, 0, 0) == 0 && ddi_copyin(NULL, to, 1, 0) == -1 && ddi_copyout(to, NULL, 1, 0) == -1);
    VERIFY(nulldev() == 0);
    VERIFY3S(-1, <, 0);
    VERIFY3P(from, !=, NULL);
    VERIFY0(nulldev());
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        { "kmem", test_kmem },
        { "kmem-leak", test_kmem_leak },
        { "messages", test_messages },
        { "soft-state", test_soft_state },
        { "properties", test_properties },
        { "device", test_device },
        { "time", test_time },
        { "module", test_module },
        { "entry", test_entry },
    };
    size_t i;

    for (i = 0; argc == 2 && i < sizeof (tests) / sizeof (tests[0]); i++) {
        if (strcmp(argv[1], tests[i].name) == 0) {
            tests[i].test();
            return (0);
        }
    }
    return (2);
}
