/*
 * The DMA part of a floppy disk driver.
 *
 * The controller has no DMA engine: channel 2 of the system's moves its bytes (ddi_dmae(9F)). The object is bound with the
 * attributes of that engine, in windows that the engine takes one by one; a command of the controller moves what lies on
 * one cylinder, so that a window may take several.
 *
 * The argument is the device; without one it is a floppy with two pages of copy buffer.
 */

#include "xx.h"

/* The controller's ports. */
#define FD_OUTPUT               2       /* digital output */
#define FD_STATUS               4       /* main status */
#define FD_DATA                 5
#define FD_RATE                 7       /* configuration control, when written */
#define FD_PORTS                8

/* Digital output: the motor of drive 0, and the gate for its requests and interrupts. */
#define OUTPUT_NOT_RESET        0x04
#define OUTPUT_GATE             0x08
#define OUTPUT_MOTOR            0x10

/* Main status: the data register may be used, and which way. */
#define STATUS_REQUEST          0x80
#define STATUS_TO_PROCESSOR     0x40
#define STATUS_BUSY             0x10

#define CMD_SPECIFY             0x03
#define CMD_RECALIBRATE         0x07
#define CMD_SENSE_INTERRUPT     0x08
#define CMD_SEEK                0x0F
#define CMD_WRITE               0xC5    /* both sides, MFM */
#define CMD_READ                0xC6

/* Status register 0. */
#define ST0_CODE                0xC0    /* how the command ended; 0: well */
#define ST0_INVALID             0x80
#define ST0_SEEK_END            0x20

/* A disk of 1.44 MB. */
#define HEADS                   2
#define SECTORS                 18
#define CYLINDER_BLOCKS         (HEADS * SECTORS)
#define SIZE_CODE               2
#define GAP                     0x1B

#define FD_CHANNEL              2
#define FD_LOOKS                10000

struct fdstate {
    dev_info_t *dip;
    ddi_iblock_cookie_t iblock;
    kmutex_t mu;
    kcondvar_t cv;
    ddi_acc_handle_t access;
    uint8_t *ports;
    ddi_dma_handle_t handle;
    int expecting;                      /* a command that ends with an interrupt was given */
    uint8_t result[7];                  /* what the last one said */
    uint_t windows;                     /* what transfers took so far */
    uint_t commands;
};

static uint8_t
fd_get(struct fdstate *fsp, int port)
{
    return (ddi_get8(fsp->access, fsp->ports + port));
}

static void
fd_put(struct fdstate *fsp, int port, uint8_t value)
{
    ddi_put8(fsp->access, fsp->ports + port, value);
}

/* Waits until the data register can be used this way. */
static int
fd_ready(struct fdstate *fsp, uint8_t wanted)
{
    int i;

    for (i = 0; i < FD_LOOKS; i++) {
        if ((fd_get(fsp, FD_STATUS) & (STATUS_REQUEST | STATUS_TO_PROCESSOR)) == wanted)
            return (DDI_SUCCESS);
        drv_usecwait(10);
    }
    return (DDI_FAILURE);
}

static int
fd_send(struct fdstate *fsp, const uint8_t *bytes, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (fd_ready(fsp, STATUS_REQUEST) != DDI_SUCCESS)
            return (DDI_FAILURE);
        fd_put(fsp, FD_DATA, bytes[i]);
    }
    return (DDI_SUCCESS);
}

/* Reads the bytes of a result, at most so many; tells how many there were. */
static int
fd_receive(struct fdstate *fsp, uint8_t *bytes, int most)
{
    int i;

    for (i = 0; i < most; i++) {
        if (fd_ready(fsp, STATUS_REQUEST | STATUS_TO_PROCESSOR) != DDI_SUCCESS)
            break;
        bytes[i] = fd_get(fsp, FD_DATA);
        if ((fd_get(fsp, FD_STATUS) & STATUS_BUSY) == 0)
            return (i + 1);
    }
    return (i);
}

/* Quiets the interrupt: reads the result of a transfer, or asks what reset or seek has ended. */
static uint_t
fd_intr(caddr_t arg)
{
    static const uint8_t sense[] = { CMD_SENSE_INTERRUPT };
    struct fdstate *fsp = (struct fdstate *)(void *)arg;
    uint8_t bytes[2];

    mutex_enter(&fsp->mu);
    if (!fsp->expecting) {
        mutex_exit(&fsp->mu);
        return (DDI_INTR_UNCLAIMED);
    }
    if (fd_get(fsp, FD_STATUS) & STATUS_BUSY) {
        (void) fd_receive(fsp, fsp->result, sizeof (fsp->result));
    } else {
        /* One answer a drive that has something to tell, and then that there is nothing more. */
        while (fd_send(fsp, sense, 1) == DDI_SUCCESS && fd_receive(fsp, bytes, 2) == 2) {
            fsp->result[0] = bytes[0];
            fsp->result[1] = bytes[1];
        }
    }
    fsp->expecting = 0;
    cv_signal(&fsp->cv);
    mutex_exit(&fsp->mu);
    return (DDI_INTR_CLAIMED);
}

/* Gives a command that ends with an interrupt, and waits for it. The mutex is held. */
static int
fd_command(struct fdstate *fsp, const uint8_t *bytes, int count)
{
    fsp->expecting = 1;
    if (fd_send(fsp, bytes, count) != DDI_SUCCESS)
        return (DDI_FAILURE);
    while (fsp->expecting)
        cv_wait(&fsp->cv, &fsp->mu);
    return (DDI_SUCCESS);
}

/* Pulls the controller's reset line, and makes drive 0 ready. */
static int
fd_reset(struct fdstate *fsp)
{
    /* Step rate and head times as they have always been; bytes go by DMA. */
    static const uint8_t specify[] = { CMD_SPECIFY, 0xDF, 0x10 };
    static const uint8_t recalibrate[] = { CMD_RECALIBRATE, 0 };
    int ended = DDI_FAILURE;

    mutex_enter(&fsp->mu);
    fsp->expecting = 1;
    fd_put(fsp, FD_OUTPUT, OUTPUT_MOTOR | OUTPUT_GATE);
    fd_put(fsp, FD_OUTPUT, OUTPUT_MOTOR | OUTPUT_GATE | OUTPUT_NOT_RESET);
    while (fsp->expecting)
        cv_wait(&fsp->cv, &fsp->mu);
    fd_put(fsp, FD_RATE, 0);                    /* 500 kbit/s */
    if (fd_send(fsp, specify, 3) == DDI_SUCCESS && fd_command(fsp, recalibrate, 2) == DDI_SUCCESS &&
        (fsp->result[0] & ST0_CODE) == 0 && fsp->result[1] == 0)
        ended = DDI_SUCCESS;
    mutex_exit(&fsp->mu);
    return (ended);
}

static int
fd_attach(struct fdstate *fsp, dev_info_t *dip)
{
    ddi_dma_attr_t attr;
    ddi_device_acc_attr_t acc_attr = xx_acc_attr;
    caddr_t ports;

    fsp->dip = dip;
    if (ddi_get_iblock_cookie(dip, 0, &fsp->iblock) != DDI_SUCCESS)
        return (DDI_FAILURE);
    mutex_init(&fsp->mu, NULL, MUTEX_DRIVER, fsp->iblock);
    cv_init(&fsp->cv, NULL, CV_DRIVER, NULL);
    if (ddi_regs_map_setup(dip, 0, &ports, 0, FD_PORTS, &acc_attr, &fsp->access) != DDI_SUCCESS)
        goto no_ports;
    fsp->ports = (uint8_t *)ports;
    /* What the engine can do, and windows of whole blocks, which is what the disk knows. */
    if (ddi_dmae_getattr(dip, &attr) != DDI_SUCCESS)
        goto no_handle;
    attr.dma_attr_granular = XX_BLOCK;
    if (ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &fsp->handle) != DDI_SUCCESS)
        goto no_handle;
    if (ddi_add_intr(dip, 0, NULL, NULL, fd_intr, (caddr_t)fsp) != DDI_SUCCESS)
        goto no_intr;
    if (fd_reset(fsp) == DDI_SUCCESS)
        return (DDI_SUCCESS);
    ddi_remove_intr(dip, 0, fsp->iblock);
no_intr:
    ddi_dma_free_handle(&fsp->handle);
no_handle:
    ddi_regs_map_free(&fsp->access);
no_ports:
    cv_destroy(&fsp->cv);
    mutex_destroy(&fsp->mu);
    return (DDI_FAILURE);
}

static void
fd_detach(struct fdstate *fsp)
{
    fd_put(fsp, FD_OUTPUT, OUTPUT_NOT_RESET);
    ddi_remove_intr(fsp->dip, 0, fsp->iblock);
    ddi_dma_free_handle(&fsp->handle);
    ddi_regs_map_free(&fsp->access);
    cv_destroy(&fsp->cv);
    mutex_destroy(&fsp->mu);
}

/* Moves bytes that lie on one cylinder; `address` is where the engine finds them. The mutex is held. */
static int
fd_transfer(struct fdstate *fsp, int reads, uint64_t block, uint64_t address, size_t length)
{
    struct ddi_dmae_req request;
    ddi_dma_cookie_t part;
    uint8_t cylinder = (uint8_t)(block / CYLINDER_BLOCKS);
    uint8_t head = (uint8_t)(block % CYLINDER_BLOCKS / SECTORS);
    uint8_t sector = (uint8_t)(block % SECTORS + 1);
    uint8_t seek[] = { CMD_SEEK, (uint8_t)(head << 2), cylinder };
    uint8_t transfer[] = { reads ? CMD_READ : CMD_WRITE, (uint8_t)(head << 2), cylinder, head, sector, SIZE_CODE, SECTORS,
        GAP, 0xFF };
    int left;

    if (fd_command(fsp, seek, 3) != DDI_SUCCESS || (fsp->result[0] & ~7) != ST0_SEEK_END || fsp->result[1] != cylinder)
        return (EIO);
    bzero(&request, sizeof (request));
    request.der_command = reads ? DMAE_CMD_READ : DMAE_CMD_WRITE;
    bzero(&part, sizeof (part));
    part.dmac_laddress = address;
    part.dmac_size = length;
    if (ddi_dmae_prog(fsp->dip, &request, &part, FD_CHANNEL) != DDI_SUCCESS)
        return (EIO);
    fsp->commands++;
    if (fd_command(fsp, transfer, 9) != DDI_SUCCESS || (fsp->result[0] & ST0_CODE) != 0)
        return (EIO);
    if (ddi_dmae_getcnt(fsp->dip, FD_CHANNEL, &left) != DDI_SUCCESS || left != 0)
        return (EIO);
    return (0);
}

/* Moves what a window has, cylinder by cylinder. */
static int
fd_window(struct fdstate *fsp, int reads, uint64_t block, const ddi_dma_cookie_t *cookie)
{
    size_t done, length;
    int error;

    for (done = 0; done < cookie->dmac_size; done += length) {
        length = MIN(cookie->dmac_size - done, (CYLINDER_BLOCKS - block % CYLINDER_BLOCKS) * XX_BLOCK);
        if ((error = fd_transfer(fsp, reads, block, cookie->dmac_laddress + done, length)) != 0)
            return (error);
        block += length / XX_BLOCK;
    }
    return (0);
}

/* Reads or writes whole blocks. The manual's steps of third-party DMA; the third, to lock the object, is not needed. */
static int
fd_io(struct fdstate *fsp, int reads, uint64_t block, caddr_t addr, size_t length)
{
    ddi_dma_cookie_t cookie;
    uint_t count, window, windows = 1;
    off_t off = 0;
    size_t len = length;
    int bound, error = 0;

    /* 1 and 2: a channel; what it can do was asked in attach */
    if (ddi_dmae_alloc(fsp->dip, FD_CHANNEL, DDI_DMA_SLEEP, NULL) != DDI_SUCCESS)
        return (EIO);
    /* 4: DMA resources */
    bound = ddi_dma_addr_bind_handle(fsp->handle, NULL, addr, length,
        (reads ? DDI_DMA_READ : DDI_DMA_WRITE) | DDI_DMA_PARTIAL, DDI_DMA_SLEEP, NULL, &cookie, &count);
    if (bound != DDI_DMA_MAPPED && bound != DDI_DMA_PARTIAL_MAP) {
        (void) ddi_dmae_release(fsp->dip, FD_CHANNEL);
        return (ENOMEM);
    }
    if (bound == DDI_DMA_PARTIAL_MAP && ddi_dma_numwin(fsp->handle, &windows) != DDI_SUCCESS)
        error = EIO;
    /* 5 and 6: program the engine and the device; moving the window synchronises */
    mutex_enter(&fsp->mu);
    for (window = 0; error == 0 && window < windows; window++) {
        if (bound == DDI_DMA_PARTIAL_MAP &&
            ddi_dma_getwin(fsp->handle, window, &off, &len, &cookie, &count) != DDI_SUCCESS)
            error = EIO;
        if (error == 0 && (count != 1 || cookie.dmac_size != len))
            error = EIO;
        if (error == 0)
            error = fd_window(fsp, reads, block + (uint64_t)off / XX_BLOCK, &cookie);
        fsp->windows++;
    }
    mutex_exit(&fsp->mu);
    /* 7, 8 and 9 */
    (void) ddi_dmae_stop(fsp->dip, FD_CHANNEL);
    (void) ddi_dma_unbind_handle(fsp->handle);
    (void) ddi_dmae_release(fsp->dip, FD_CHANNEL);
    return (error);
}

/* Bytes of the transfers, which begin in the middle of a cylinder. */
#define BLOCK                   29
#define LENGTH                  (200 * XX_BLOCK)
#define PAGE                    4096

int
main(int argc, char **argv)
{
    static struct fdstate fd;
    dev_info_t *dip = xx_open(argc > 1 ? argv[1] : "sim:floppy?copy_buffer=8192");
    char *scattered = ddi_dma_sim_alloc(dip, LENGTH);
    char *kernel = kmem_alloc(LENGTH + PAGE, KM_SLEEP);

    XX_CHECK(scattered != NULL);
    XX_CHECK(fd_attach(&fd, dip) == DDI_SUCCESS);

    xx_fill(scattered, LENGTH, 1);
    XX_CHECK(fd_io(&fd, 0, BLOCK, scattered, LENGTH) == 0);
    XX_CHECK(xx_on_disk(dip, BLOCK, LENGTH, 1));
    /* Back into memory that starts at an odd address. */
    XX_CHECK(fd_io(&fd, 1, BLOCK, kernel + 1, LENGTH) == 0);
    XX_CHECK(xx_filled(kernel + 1, LENGTH, 1));
    xx_fill(kernel + 1, LENGTH, 2);
    XX_CHECK(fd_io(&fd, 0, BLOCK + 300, kernel + 1, LENGTH) == 0);
    XX_CHECK(fd_io(&fd, 1, BLOCK + 300, scattered, LENGTH) == 0);
    XX_CHECK(xx_filled(scattered, LENGTH, 2));
    XX_CHECK(xx_on_disk(dip, BLOCK, LENGTH, 1));

    (void) printf("floppy_dma: 4 transfers of %d bytes in %u windows and %u commands\n", LENGTH, fd.windows, fd.commands);
    fd_detach(&fd);
    kmem_free(kernel, LENGTH + PAGE);
    ddi_dma_sim_free(dip, scattered);
    ddi_dma_close(dip);
    return (0);
}
